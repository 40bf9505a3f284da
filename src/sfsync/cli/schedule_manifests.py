"""A job as what Kubernetes takes: a CronJob, its volume, its configuration. Pure: text from a job.

One configuration is a CronJob with a volume of its own. A fleet is a CronJob whose Job is indexed: each index is a
shard, and all share one volume, since a configuration that moves to another shard has to find its mirror there.

Source: kubernetes.io, "CronJob" (concurrencyPolicy, names of at most 52 characters), "Jobs" (Indexed,
backoffLimitPerIndex, podFailurePolicy, which needs restartPolicy Never), "Pod Security Standards" (restricted).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from sfsync.cli.schedule_formats import Every, Job, cron_time
from sfsync.errors import UsageError

HOME = "/var/lib/sfsync"
"""Where the volume is: the configuration lies in it, and beside it the mirror."""

ORGS = f"{HOME}/orgs"
SECRETS = "/run/secrets/sfsync"
USER = 10001
LONGEST_NAME = 52
"""Kubernetes adds eleven characters to the name of a CronJob's Job, and allows 63."""

IN_VAIN = (2, 3, 4, 5, 7)
"""Exit codes that another try at once does not mend: configuration, quarantine, login, budget, brake."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to run in a cluster.

    Attributes:
        image: of sfsync, as a registry names it.
        profile: the words that name the profile.
        configuration: the text of the file; ``None`` for a fleet, whose files lie on the volume.
        secrets: variable -> the key of the Secret that holds it.
        shards: how many; 0 for one configuration.
    """

    name: str
    image: str
    every: Every
    job: Job
    environ: Mapping[str, str]
    secrets: Mapping[str, str]
    configuration: str | None = None
    profile: Sequence[str] = field(default_factory=tuple)
    shards: int = 0


def kubernetes_name(text: str) -> str:
    """A name that can be a CronJob's.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(text) or len(text) > LONGEST_NAME:
        raise UsageError(
            f"{text!r} cannot be a CronJob's name",
            hint=f"--name: small letters, digits and dashes, at most {LONGEST_NAME}.",
        )
    return text


def manifests(work: Workload) -> str:
    """All of it, as YAML documents for ``kubectl apply -f -``."""
    documents = [_volume(work), _cron_job(work)]
    if work.configuration is not None:
        documents.insert(0, _config_map(work, work.configuration))
    return yaml.dump_all(
        documents, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=100
    )


class _Readable(yaml.SafeDumper):
    """Text of several lines as a block."""


def _as_block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _as_block)


def _meta(work: Workload) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "sfsync", "app.kubernetes.io/instance": work.name}
    return {"name": work.name, "labels": labels}


def _config_map(work: Workload, text: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _meta(work),
        "data": {"sfsync.yaml": text},
    }


def _volume(work: Workload) -> dict[str, Any]:
    """Of one node for one configuration; of many nodes for shards."""
    access, size = ("ReadWriteMany", "20Gi") if work.shards else ("ReadWriteOnce", "1Gi")
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _meta(work),
        "spec": {"accessModes": [access], "resources": {"requests": {"storage": size}}},
    }


def _cron_job(work: Workload) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": _meta(work),
        "spec": {
            "schedule": cron_time(work.job),
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 600,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {"spec": _job(work)},
        },
    }


def _job(work: Workload) -> dict[str, Any]:
    tries, give_up = ("backoffLimit", "FailJob")
    indexed: dict[str, Any] = {}
    if work.shards:
        tries, give_up = ("backoffLimitPerIndex", "FailIndex")
        indexed = {"completionMode": "Indexed", "completions": work.shards, "parallelism": work.shards}  # fmt: skip
    exit_codes = {"containerName": "sfsync", "operator": "In", "values": list(IN_VAIN)}
    evicted = [{"type": "DisruptionTarget", "status": "True"}]
    return {
        **indexed,
        tries: 2,
        "podFailurePolicy": {
            "rules": [
                {"action": "Ignore", "onPodConditions": evicted},
                {"action": give_up, "onExitCodes": exit_codes},
            ]
        },
        "activeDeadlineSeconds": int(work.every.longest_run.total_seconds()),
        "template": {"metadata": {"labels": _meta(work)["labels"]}, "spec": _pod(work)},
    }


def _pod(work: Workload) -> dict[str, Any]:
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 90,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(work)],
        "volumes": _volumes(work),
    }


def _container(work: Workload) -> dict[str, Any]:
    environ = {
        "HOME": HOME,
        **work.environ,
        **{variable: f"{SECRETS}/{key}" for variable, key in work.secrets.items()},
    }
    return {
        "name": "sfsync",
        "image": work.image,
        "command": _command(work),
        "env": [{"name": name, "value": _escaped(value)} for name, value in environ.items()],
        "resources": _resources(work),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": _mounts(work),
    }


def _escaped(text: str) -> str:
    """A dollar and a bracket would begin a variable."""
    return text.replace("$(", "$$(")


def _command(work: Workload) -> list[str]:
    if not work.shards:
        words = ["sync", "--config", f"{HOME}/sfsync.yaml", *work.profile]
        return ["sfsync", *words, "--skip-if-locked", "--quiet"]
    shard = f"$((JOB_COMPLETION_INDEX + 1))/{work.shards}"
    words = ["fleet", "'sync --skip-if-locked'", ORGS, *work.profile, "--jobs 2", "--quiet"]
    return ["/bin/sh", "-c", " ".join(["exec sfsync", *words, f"--shard {shard}"])]


def _resources(work: Workload) -> dict[str, Any]:
    """Measured in docs/scale.md; a first full pull of a large org is what takes memory."""
    cpu, memory = ("500m", "256Mi") if work.shards else ("100m", "128Mi")
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": "1Gi"}}


def _mounts(work: Workload) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = [
        {"name": "data", "mountPath": HOME},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  an empty volume of the pod's own
    ]
    if work.configuration is not None:
        mounts.append({"name": "config", "mountPath": f"{HOME}/sfsync.yaml", "subPath": "sfsync.yaml", "readOnly": True})  # fmt: skip
    return [*mounts, {"name": "secrets", "mountPath": SECRETS, "readOnly": True}]


def _volumes(work: Workload) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [
        {"name": "data", "persistentVolumeClaim": {"claimName": work.name}},
        {"name": "tmp", "emptyDir": {}},
    ]
    if work.configuration is not None:
        volumes.append({"name": "config", "configMap": {"name": work.name}})
    items = [{"key": key, "path": key} for key in work.secrets.values()]
    secret = {"secretName": work.name, "defaultMode": 0o440, "items": items}
    return [*volumes, {"name": "secrets", "secret": secret}]
