"""The Metadata REST API: deploying a package zip, and how far a deployment has come.

A deployment is done by the time its reply is on the way; the reply says Pending all the same, as
Salesforce's does, and the first look finds it done. Deployments are kept in memory only.

Source: Metadata API Developer Guide, "Deploy Metadata with Apex Testing Using REST"
(meta_rest_deploy: parts, options, 201), "Check the Status of Your Deployment"
(meta_rest_deploy_checkstatus: includeDetails), "Cancel a Deployment in Progress" and DeployResult,
DeployMessage; docs/salesforce.md §8.4: jsforce calls the first part ``entity_content``.
Unconfirmed: the texts of errors, that ``success`` is false for SucceededPartial, and what
cancelling a finished deployment answers. ``rollbackOnError`` must be true in production; here it is
so unless the request says otherwise.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File

from local_org import ids, timestamps
from local_org.api.call import Call, Reply
from local_org.api.router import Endpoint, endpoint
from local_org.api_error import ApiError, not_found
from local_org.metadata.deploy import Deployed, deploy
from local_org.metadata.package import PackageUnreadable, Problem, read
from local_org.state.access import require, running
from local_org.state.org import OrgState

_PREFIX = "0Af"
_MOST_KEPT = 200
_JSON_PARTS = ("json", "entity_content")
_SWITCHES = {
    "allowMissingFiles": False,
    "autoUpdatePackage": False,
    "checkOnly": False,
    "ignoreWarnings": False,
    "performRetrieve": False,
    "purgeOnDelete": False,
    "rollbackOnError": True,
    "singlePackage": False,
}
_TEST_LEVELS = frozenset(
    {"NoTestRun", "RunSpecifiedTests", "RunRelevantTests", "RunLocalTests", "RunAllTestsInOrg"}
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment, done.

    Attributes:
        options: as asked for, with what was left out.
        unreadable: why nothing of the zip could be deployed.
        done_at: when, in seconds since 1970.
    """

    deployment_id: str
    options: Mapping[str, Any]
    user_id: str
    user_name: str
    done_at: int
    manifests: tuple[str, ...] = ()
    done: tuple[Deployed, ...] = ()
    failed: tuple[Problem, ...] = ()
    unreadable: PackageUnreadable | None = None

    @property
    def status(self) -> str:
        """How it ended."""
        if not self.failed and self.unreadable is None:
            return "Succeeded"
        partly = self.done and not self.options["rollbackOnError"]
        return "SucceededPartial" if partly else "Failed"


class DeployRequests:
    """The ``/metadata`` resources.

    Args:
        state: the org.
    """

    def __init__(self, state: OrgState) -> None:
        self.state = state
        self._deployments: dict[str, Deployment] = {}
        self._given = 0

    def endpoints(self) -> list[Endpoint]:
        """Their addresses."""
        return [
            endpoint("POST", "/metadata/deployRequest", self._deploy),
            endpoint("GET", "/metadata/deployRequest/{}", self._status),
            endpoint("PATCH", "/metadata/deployRequest/{}", self._cancel),
        ]

    def _may(self, call: Call) -> None:
        require(self.state.access(call.user_id), "ModifyMetadata", "ModifyAllData")

    def _deploy(self, call: Call) -> Reply:
        self._may(call)
        options, zipped = _read_multipart(call)
        with self.state.lock:
            self._given += 1
            deployment = self._deployed(call.user_id, options, zipped)
            self._deployments[deployment.deployment_id] = deployment
            for old in list(self._deployments)[:-_MOST_KEPT]:
                del self._deployments[old]
        body = {
            "id": deployment.deployment_id,
            "validatedDeployRequestId": None,
            "deployOptions": options,
            "deployResult": _pending(deployment),
        }
        return Reply(201, body)

    def _deployed(self, user_id: str, options: dict[str, Any], zipped: bytes) -> Deployment:
        made = ids.make(_PREFIX, self._given)
        user = self.state.user(user_id) or {}
        name = f"{user.get('FirstName', '')} {user.get('LastName', '')}".strip()
        about = (made, options, user_id, name, self.state.stamp())
        try:
            package = read(
                zipped, single=options["singlePackage"], allow_missing=options["allowMissingFiles"]
            )
        except PackageUnreadable as error:
            return Deployment(*about, unreadable=error)
        with running(user_id):
            done, failed = deploy(
                self.state,
                package,
                user_id,
                check_only=options["checkOnly"],
                rollback_on_error=options["rollbackOnError"],
            )
        return Deployment(*about, tuple(package.manifests), tuple(done), tuple(failed))

    def _found(self, deployment_id: str) -> Deployment:
        found = self._deployments.get(ids.canonical(deployment_id))
        if found is None:
            raise not_found()
        return found

    def _status(self, call: Call, deployment_id: str) -> Reply:
        self._may(call)
        found = self._found(deployment_id)
        result = _result(found)
        if call.flag("includeDetails"):
            result["details"] = _details(found)
        return Reply(
            body={
                "id": found.deployment_id,
                "validatedDeployRequestId": None,
                "deployOptions": dict(found.options),
                "deployResult": result,
            }
        )

    def _cancel(self, call: Call, deployment_id: str) -> Reply:
        self._may(call)
        self._found(deployment_id)
        wanted = call.json_object().get("deployResult")
        if not isinstance(wanted, Mapping) or wanted.get("status") != "Canceling":
            raise ApiError(
                "INVALID_FIELD", "A deployment's status can be set to Canceling only", ["status"]
            )
        raise ApiError("INVALID_ID_FIELD", "The deployment has already been completed", ["id"])


# -- the request


def _read_multipart(call: Call) -> tuple[dict[str, Any], bytes]:
    """The options and the zip of a request.

    Raises:
        ApiError: where a part is missing or not what it should be.
    """
    content_type = call.headers.get("content-type", "")
    if not content_type.lower().startswith("multipart/form-data"):
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "A deployment is multipart/form-data", status=415)
    parts: dict[str, bytes] = {}

    def on_field(part: Any) -> None:
        parts[_name(part)] = part.value or b""

    def on_file(part: Any) -> None:
        part.file_object.seek(0)
        parts[_name(part)] = part.file_object.read()
        part.close()

    try:
        parse_form({"Content-Type": content_type.encode()}, io.BytesIO(call.raw), on_field, on_file)
    except FormParserError as error:
        raise ApiError(
            "INVALID_MULTIPART_REQUEST", f"The parts of the body cannot be read: {error}"
        ) from None
    text = next((parts[name] for name in _JSON_PARTS if name in parts), None)
    if text is None or "file" not in parts:
        raise ApiError(
            "INVALID_MULTIPART_REQUEST",
            "A deployment has a part json with its options and a part file, the zip",
        )
    return _options(text), parts["file"]


def _name(part: Field | File) -> str:
    return (part.field_name or b"").decode("utf-8", "replace")


def _options(text: bytes) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    given = body.get("deployOptions") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise ApiError("JSON_PARSER_ERROR", "The part json must be an object with deployOptions")
    unknown = sorted(set(given) - {*_SWITCHES, "runTests", "testLevel"})
    if unknown:
        raise ApiError("JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}" in deployOptions')
    for name in _SWITCHES:
        if not isinstance(given.get(name, False), bool):
            raise ApiError("JSON_PARSER_ERROR", f"{name} must be true or false")
    level = given.get("testLevel")
    if level is not None and level not in _TEST_LEVELS:
        raise ApiError("JSON_PARSER_ERROR", f"testLevel: no such level: {level}")
    return {**_SWITCHES, "runTests": None, "testLevel": None, **given}


# -- the answer


def _pending(found: Deployment) -> dict[str, Any]:
    counts = dict.fromkeys(
        ("numberComponentsDeployed", "numberComponentErrors", "numberComponentsTotal"), 0
    )
    later = dict.fromkeys(("startDate", "completedDate", "errorStatusCode", "errorMessage"))
    return {
        **_result(found),
        **counts,
        **later,
        "status": "Pending",
        "done": False,
        "success": False,
    }


def _result(found: Deployment) -> dict[str, Any]:
    done_at = timestamps.rest_text(found.done_at)
    error = found.unreadable
    return {
        "id": found.deployment_id,
        "status": found.status,
        "done": True,
        "success": found.status == "Succeeded",
        "checkOnly": found.options["checkOnly"],
        "ignoreWarnings": found.options["ignoreWarnings"],
        "rollbackOnError": found.options["rollbackOnError"],
        "runTestsEnabled": False,
        "numberComponentsDeployed": len(found.done),
        "numberComponentErrors": len(found.failed),
        "numberComponentsTotal": len(found.done) + len(found.failed),
        "numberTestsCompleted": 0,
        "numberTestErrors": 0,
        "numberTestsTotal": 0,
        "createdBy": found.user_id,
        "createdByName": found.user_name,
        "createdDate": done_at,
        "startDate": done_at,
        "lastModifiedDate": done_at,
        "completedDate": done_at,
        "canceledBy": None,
        "canceledByName": None,
        "errorStatusCode": error.code if error else None,
        "errorMessage": error.message if error else None,
        "stateDetail": None,
    }


def _details(found: Deployment) -> dict[str, Any]:
    done_at = timestamps.rest_text(found.done_at)
    listed = [_message("", "package.xml", name, done_at, changed=True) for name in found.manifests]
    done = [
        {
            **_message(
                each.component.kind,
                each.component.full_name,
                each.component.file_name,
                done_at,
                changed=each.changed,
            ),
            "created": each.created,
            "id": each.record_id or None,
        }
        for each in found.done
    ]
    return {
        "componentSuccesses": [*listed, *done],
        "componentFailures": [_failure(each, done_at) for each in found.failed],
        "retrieveResult": None,
        "runTestResult": {"numFailures": 0, "numTestsRun": 0, "successes": [], "failures": []},
    }


def _message(
    kind: str, full_name: str, file_name: str, done_at: str, *, changed: bool
) -> dict[str, Any]:
    return {
        "changed": changed,
        "componentType": kind,
        "created": False,
        "createdDate": done_at,
        "deleted": False,
        "fileName": file_name,
        "fullName": full_name,
        "id": None,
        "problem": None,
        "problemType": None,
        "lineNumber": None,
        "columnNumber": None,
        "success": True,
        "warning": False,
    }


def _failure(each: Problem, done_at: str) -> dict[str, Any]:
    return {
        **_message(each.kind, each.full_name, each.file_name, done_at, changed=False),
        "problem": each.text,
        "problemType": "Error",
        "lineNumber": each.line,
        "columnNumber": each.column,
        "success": False,
    }
