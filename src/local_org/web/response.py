"""A reply of the API as an HTTP response."""

import gzip

from starlette.responses import Response

from local_org.api.call import Reply

_GZIP_FROM_BYTES = 1_024


def http_response(
    reply: Reply, request_headers: dict[str, str], more: dict[str, str] | None = None
) -> Response:
    """The response, zipped where it is long and the client takes gzip.

    Args:
        reply: what to answer.
        request_headers: by lower-cased name.
        more: further headers of the response.
    """
    content = reply.content()
    headers = {**reply.headers, **(more or {})}
    if content:
        headers["Content-Type"] = reply.content_type
    if len(content) >= _GZIP_FROM_BYTES and "gzip" in request_headers.get("accept-encoding", ""):
        content = gzip.compress(content, compresslevel=1, mtime=0)
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(content, status_code=reply.status, headers=headers)
