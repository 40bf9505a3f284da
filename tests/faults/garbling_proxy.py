"""A server between sfsync and the org that passes everything on, and garbles some of the answers.

For what the org itself never says: half a body and a clean end, a redirect, a bomb, results in
    another order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from tests.unit.salesforce.web import Answer, Asked, Web

Change = Callable[[Answer], Answer | None]
_KEPT = ("Content-Type", "Date", "Sforce-Limit-Info", "Sforce-Locator", "Sforce-NumberOfRecords")
_NOT_FORWARDED = {"host", "connection", "content-length", "accept-encoding"}


@dataclass
class GarblingProxy:
    """Passes calls on to an org.

    Attributes:
        change: what becomes of the answers that match ``path``, searched in method and path.
        nth: which of them; 0 for all.
    """

    org_url: str
    change: Change
    path: str
    nth: int = 1
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    struck: int = 0
    instead: Callable[[Asked], Answer | None] | None = None
    _seen: int = 0

    def answer(self, asked: Asked) -> Answer | None:
        self.asked.append(asked)
        reply = self.instead(asked) if self.instead else None
        return reply or self.forward(asked)

    def forward(self, asked: Asked) -> Answer | None:
        headers = {
            name: value for name, value in asked.headers.items() if name not in _NOT_FORWARDED
        }
        reply = requests.request(
            asked.method, self.org_url + asked.path, headers=headers, data=asked.body, timeout=5
        )
        answer = Answer(
            reply.status_code,
            reply.content,
            {name: reply.headers[name] for name in _KEPT if name in reply.headers},
        )
        if not re.search(self.path, f"{asked.method} {asked.path}"):
            return answer
        self._seen += 1
        if self.nth not in {0, self._seen}:
            return answer
        self.struck += 1
        return self.change(answer)


@contextmanager
def garbling_proxy(
    org_url: str, path: str, change: Change, *, nth: int = 1
) -> Iterator[GarblingProxy]:
    """A proxy that is up."""
    proxy = GarblingProxy(org_url, change, path, nth)
    with Web(proxy.answer).serving() as web:
        proxy.url = web.url
        yield proxy
