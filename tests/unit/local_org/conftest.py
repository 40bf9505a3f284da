"""A small local org for each test, and short ways to call it over HTTP."""

from typing import Any

import pytest

from local_org.server import LocalOrg, LocalOrgConfig
from tests.unit.local_org.http_client import InProcessClient


class Rest:
    """A client with a token, and the paths of one API version before it."""

    def __init__(self, org: LocalOrg, version: str = "65.0") -> None:
        self.org = org
        self.state = org.state
        self.base = f"/services/data/v{version}"
        self.http = InProcessClient(org.app, base_url="http://127.0.0.1")
        self.log_in()

    def log_in(self) -> None:
        """Take a fresh token: the org's clock may have outlived the last one."""
        self.http.headers["Authorization"] = f"Bearer {self.org.token()}"

    def call(self, method: str, path: str, **more: Any) -> Any:
        return self.http.request(method, self.base + path, **more)

    def get(self, path: str, **more: Any) -> Any:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("POST", path, json=body, **more)

    def patch(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("PATCH", path, json=body, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self.call("DELETE", path, **more)

    def create(self, sobject: str = "Contact", **fields: Any) -> str:
        answer = self.post(
            f"/sobjects/{sobject}",
            {"LastName": "Nobody", **fields} if sobject == "Contact" else fields,
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def query(self, soql: str, resource: str = "query", **more: Any) -> Any:
        answer = self.get(f"/{resource}", params={"q": soql}, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def names(self, soql: str, field: str = "LastName", resource: str = "query") -> list[Any]:
        return [record[field] for record in self.query(soql, resource)["records"]]

    def refusal(self, soql: str) -> tuple[str, str]:
        answer = self.get("/query", params={"q": soql})
        assert answer.status_code == 400, answer.text
        return answer.json()[0]["errorCode"], answer.json()[0]["message"]

    def local(self, path: str, body: Any) -> Any:
        answer = self.http.post(f"/_local/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def advance(self, seconds: float) -> None:
        self.local("clock", {"advance_seconds": seconds})
        self.log_in()


@pytest.fixture
def org() -> LocalOrg:
    """An org with nobody in it but its users, on a clock that moves only when told."""
    return LocalOrg(LocalOrgConfig(contacts=0, leads=0, clock=lambda: 1_795_478_400.0))


@pytest.fixture
def rest(org: LocalOrg) -> Rest:
    """A client of that org."""
    return Rest(org)
