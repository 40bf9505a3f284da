"""/composite and /composite/batch: several calls in one.

Source: docs/salesforce.md §4 (26 subrequests, references, halting, what counts).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from local_org.api.call import Call, Reply, error_reply, split_url
from local_org.api.router import Endpoint, Router, endpoint
from local_org.api_error import ApiError
from local_org.state.api_meter import Meter
from local_org.state.org import OrgState
from local_org.state.settings import TypeReferences

_MOST_REQUESTS = 25
_MOST_HEAVY = 5
_REFERENCE = re.compile(r"@\{([A-Za-z]\w*)((?:\.\w+|\[\d+\])*)\}")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_HEAVY = re.compile(r"/services/data/v[\d.]+/(query|queryAll|composite/sobjects)\b", re.IGNORECASE)
Item = dict[str, Any]


class Composite:
    """The resources that hold further requests.

    Args:
        state: the org.
        router: what handles the subrequests.
    """

    def __init__(self, state: OrgState, router: Router) -> None:
        self.state = state
        self.router = router

    def endpoints(self) -> list[Endpoint]:
        """Their addresses."""
        return [
            endpoint("POST", "/composite", self._composite),
            endpoint("POST", "/composite/batch", self._batch),
        ]

    def _composite(self, call: Call) -> Reply:
        body = call.json_object()
        requests = _requests(body, "compositeRequest")
        refusal = self.state.settings.type_references
        if refusal and refusal.refuses == "call" and any(map(_refers_in_type, requests)):
            raise _refused_type(refusal)
        complaint = _complaint(requests)
        if complaint is not None:
            answer = {
                "body": [complaint.as_rest()],
                "httpHeaders": {},
                "httpStatusCode": 400,
                "referenceId": None,
            }
            return Reply(body={"compositeResponse": [answer]})
        if body.get("allOrNone"):
            return Reply(body={"compositeResponse": self._all_or_none(call, requests)})
        with self.state.lock:  # each subrequest is a transaction of its own
            return Reply(body={"compositeResponse": self._run(call, requests)})

    def _all_or_none(self, call: Call, requests: list[Item]) -> list[Item]:
        with self.state.transaction() as transaction:
            answers = self._run(call, requests)
            if any(answer["httpStatusCode"] >= 400 for answer in answers):
                transaction.cancel()
                answers = [_rolled_back(answer) for answer in answers]
            return answers

    def _run(self, call: Call, requests: list[Item]) -> list[Item]:
        answers: list[Item] = []
        bodies: dict[str, Any] = {}
        for request in requests:
            reference = str(request.get("referenceId"))
            try:
                reply = self._answer(call, request, bodies)
            except ApiError as error:
                reply = error_reply(error)
            if reply.status < 300:
                bodies[reference] = reply.body
            answers.append(
                {
                    "body": reply.body,
                    "httpHeaders": reply.headers,
                    "httpStatusCode": reply.status,
                    "referenceId": request.get("referenceId"),
                }
            )
        return answers

    def _answer(self, call: Call, request: Item, bodies: Mapping[str, Any]) -> Reply:
        refusal = self.state.settings.type_references
        if refusal is None or not _refers_in_type(request):
            return self.router.dispatch(_subcall(call, request, bodies))
        if refusal.refuses != "record":
            raise _refused_type(refusal)
        failed = {"success": False, "errors": [_refused_type(refusal).as_item()]}
        return Reply(body=[failed for _ in request["body"]["records"]])

    def _batch(self, call: Call) -> Reply:
        body = call.json_object()
        requests = _requests(body, "batchRequests")
        if len(requests) > _MOST_REQUESTS:
            raise ApiError(
                "LIMIT_EXCEEDED",
                f"The request can't contain more than {_MOST_REQUESTS} operations.",
            )
        results: list[Item] = []
        failed = False
        for request in requests:
            if failed and body.get("haltOnError"):
                halted = ApiError(
                    "BATCH_PROCESSING_HALTED", "Batch processing halted per request", status=412
                )
                results.append({"statusCode": 412, "result": [halted.as_rest()]})
                continue
            count_extra(self.state.meter, results)
            reply = self.router.dispatch(_batch_call(call, request))
            failed = failed or reply.status >= 400
            results.append({"statusCode": reply.status, "result": reply.body})
        return Reply(body={"hasErrors": failed, "results": results})


def count_extra(meter: Meter, done: list[Item]) -> None:
    """Count a batch's subrequest; the first is the request itself, which is counted already."""
    if done:
        meter.count()


def _requests(body: Item, name: str) -> list[Item]:
    requests = body.get(name)
    if not isinstance(requests, list) or not requests:
        raise ApiError("JSON_PARSER_ERROR", f"The list {name} is required")
    if not all(isinstance(each, dict) for each in requests):
        raise ApiError("JSON_PARSER_ERROR", f"The list {name} is required")
    return requests


def _complaint(requests: list[Item]) -> ApiError | None:
    if len(requests) > _MOST_REQUESTS:
        return ApiError(
            "LIMIT_EXCEEDED", f"The request can't contain more than {_MOST_REQUESTS} operations."
        )
    heavy = sum(1 for request in requests if _HEAVY.match(str(request.get("url", ""))))
    if heavy > _MOST_HEAVY:
        message = (
            f"The request can't contain more than {_MOST_HEAVY} query and sObject collection"
            " operations."
        )
        return ApiError("LIMIT_EXCEEDED", message)
    references = [str(request.get("referenceId")) for request in requests]
    for each in references:
        if not re.fullmatch(r"[A-Za-z]\w*", each) or each == "None":
            return ApiError("INVALID_REFERENCE_ID", f"The reference id {each!r} is not valid")
        if references.count(each) > 1:
            return ApiError("DUPLICATE_REFERENCE_ID", f"The reference id {each!r} is used twice")
    return None


def _refers_in_type(request: Item) -> bool:
    """Whether a record of this request names its object by a reference."""
    body = request.get("body")
    records = body.get("records") if isinstance(body, dict) else None
    return isinstance(records, list) and any(
        _REFERENCE.search(str((record.get("attributes") or {}).get("type")))
        for record in records
        if isinstance(record, dict)
    )


def _refused_type(refusal: TypeReferences) -> ApiError:
    return ApiError(refusal.code, "The type of the record is not valid", [], status=refusal.status)


def _subcall(call: Call, request: Item, bodies: Mapping[str, Any]) -> Call:
    url = _resolved(str(request.get("url", "")), bodies, quoted=True)
    body = request.get("body")
    if body is not None:
        body = _resolved_body(body, bodies)
    path, query = split_url(url)
    if not path.lower().startswith("/services/data/v"):
        raise ApiError("NOT_FOUND", f"The url {path} is not one of the REST API", status=404)
    # Of the outer call's headers a subrequest inherits none that changes behaviour (REST guide,
    # "Composite Subrequest"). That the client's name is known to it is unconfirmed.
    inherited = ("host", "sforce-call-options")
    headers = {name: call.headers[name] for name in inherited if name in call.headers}
    headers |= {
        str(name).lower(): str(value) for name, value in (request.get("httpHeaders") or {}).items()
    }
    return replace(
        call,
        method=str(request.get("method", "GET")).upper(),
        path=path,
        query=query,
        headers=headers,
        raw=b"" if body is None else json.dumps(body).encode(),
    )


def _batch_call(call: Call, request: Item) -> Call:
    url = str(request.get("url", ""))
    if not url.startswith("/"):
        url = "/services/data/" + url
    path, query = split_url(url)
    body = request.get("richInput")
    return replace(
        call,
        method=str(request.get("method", "GET")).upper(),
        path=path,
        query=query,
        raw=b"" if body is None else json.dumps(body).encode(),
    )


def _resolved_body(value: Any, bodies: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        return _referred(whole, bodies) if whole else _resolved(value, bodies, quoted=False)
    if isinstance(value, list):
        return [_resolved_body(each, bodies) for each in value]
    if isinstance(value, dict):
        return {key: _resolved_body(each, bodies) for key, each in value.items()}
    return value


def _resolved(text: str, bodies: Mapping[str, Any], *, quoted: bool) -> str:
    def value(found: re.Match[str]) -> str:
        plain = str(_referred(found, bodies))
        return quote(plain, safe="") if quoted else plain

    return _REFERENCE.sub(value, text)


def _referred(found: re.Match[str], bodies: Mapping[str, Any]) -> Any:
    name, path = found[1], found[2]
    if name not in bodies:
        raise ApiError(
            "PROCESSING_HALTED",
            f"Invalid reference specified. No value for {name} found in {name}."
            " The referenced request may have failed.",
        )
    value = bodies[name]
    for step in _STEP.finditer(path):
        try:
            value = value[step[1]] if step[1] else value[int(step[2])]
        except (KeyError, IndexError, TypeError):
            raise ApiError(
                "PROCESSING_HALTED",
                f"Invalid reference specified. No value for {found[0][2:-1]} found in {name}.",
            ) from None
    return value


def _rolled_back(answer: Item) -> Item:
    if answer["httpStatusCode"] >= 400:
        return answer
    message = (
        "The transaction was rolled back since another operation in the same transaction failed."
    )
    error = ApiError("PROCESSING_HALTED", message)
    return {**answer, "body": [error.as_rest()], "httpHeaders": {}, "httpStatusCode": 400}
