"""Calls to an ASGI application in this thread: Starlette's client starts a thread for most calls, and waits for it nine times."""

import asyncio
from typing import Any

import httpx2

_loop = asyncio.new_event_loop()


class InProcessClient:
    """As ``httpx2.Client``, as far as the tests need it; it keeps cookies and follows redirects."""

    def __init__(self, app: Any, base_url: str, *, follow_redirects: bool = True) -> None:
        self._client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app),
            base_url=base_url,
            follow_redirects=follow_redirects,
        )
        self.headers, self.cookies = self._client.headers, self._client.cookies

    def request(self, method: str, url: str, **more: Any) -> httpx2.Response:
        return _loop.run_until_complete(self._client.request(method, url, **more))

    def get(self, url: str, **more: Any) -> httpx2.Response:
        return self.request("GET", url, **more)

    def post(self, url: str, **more: Any) -> httpx2.Response:
        return self.request("POST", url, **more)

    def put(self, url: str, **more: Any) -> httpx2.Response:
        return self.request("PUT", url, **more)
