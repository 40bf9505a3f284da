"""Manifests of ``sfsync schedule kubernetes``, held to Kubernetes' own schemas; and that their command is one."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.workspace import SFSYNC, Workspace

VERSIONS = ("1.33", "1.37")
"""The first that has all that is used for good, and the newest that the validator knows."""


@pytest.fixture(scope="module")
def workspace(new_workspace: Callable[..., Workspace]) -> Workspace:
    return new_workspace()


def manifests(workspace: Workspace, *options: str, **environ: str) -> dict[str, dict[str, Any]]:
    """Kind -> its document, as printed."""
    ran = workspace.run_in_process("schedule", "kubernetes", *options, **environ)
    assert ran.code == 0, ran
    return {document["kind"]: document for document in yaml.safe_load_all(ran.out)}


def check(document: dict[str, Any]) -> None:
    """Hold a document to the schemas, in which nothing that they do not know may stand."""
    if os.environ.get("CI") != "true":
        pytest.importorskip("kubernetes_validate")
    import kubernetes_validate

    for version in VERSIONS:
        kubernetes_validate.validate(document, version, strict=True)


def pod(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = found["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return spec


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--shards", "4", "--every", "15m")])
def test_kubernetes_takes_them(workspace: Workspace, options: tuple[str, ...]) -> None:
    found = manifests(workspace, *options)
    for document in found.values():
        check(document)
    found["CronJob"]["spec"]["concurencyPolicy"] = "Forbid"
    with pytest.raises(Exception, match="concurencyPolicy"):
        check(found["CronJob"])


def test_one_configuration_is_a_cron_job_with_a_volume_of_its_own(workspace: Workspace) -> None:
    found = manifests(workspace, "--image", "registry.example/sfsync:1", "--every", "1h")
    assert found["ConfigMap"]["data"]["sfsync.yaml"] == workspace.yaml.read_text()
    assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteOnce"]
    spec = found["CronJob"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["schedule"].split()[1:] == ["*"] * 4
    [container] = pod(found)["containers"]
    assert container["image"] == "registry.example/sfsync:1"
    assert container["command"][:4] == ["sfsync", "sync", "--config", "/var/lib/sfsync/sfsync.yaml"]


def test_a_pod_has_no_more_rights_than_it_needs(workspace: Workspace) -> None:
    for options in ((), ("--shards", "2")):
        spec = pod(manifests(workspace, *options))
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        [container] = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]) == {"requests", "limits"}


def test_secrets_are_mounted_and_never_written(workspace: Workspace, tmp_path: Path) -> None:
    secret = tmp_path / "client secret"
    secret.touch(0o600)
    secret.write_text("s3cret")
    ran = workspace.run_in_process(
        "schedule", "kubernetes", SFSYNC_CLIENT_SECRET_FILE=str(secret), SFSYNC_TOKEN_STORE="keyring"
    )  # fmt: skip
    assert "s3cret" not in ran.out
    assert workspace.environ["SFSYNC_TOKEN_KEY"] not in ran.out
    assert f"'--from-file=client-secret={secret}'" in ran.out
    found = {document["kind"]: document for document in yaml.safe_load_all(ran.out)}
    [container] = pod(found)["containers"]
    environ = {each["name"]: each["value"] for each in container["env"]}
    assert environ["SFSYNC_TOKEN_KEY_FILE"] == "/run/secrets/sfsync/token-key"
    assert environ["SFSYNC_CLIENT_SECRET_FILE"] == "/run/secrets/sfsync/client-secret"
    assert environ["SFSYNC_TOKEN_STORE"] == "database"


@pytest.mark.slow
def test_each_index_of_a_job_runs_its_shard(workspace: Workspace) -> None:
    found = manifests(workspace, "--shards", "3")
    assert "ConfigMap" not in found
    assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteMany"]
    job = found["CronJob"]["spec"]["jobTemplate"]["spec"]
    assert (job["completionMode"], job["completions"]) == ("Indexed", 3)
    [container] = pod(found)["containers"]
    [shell, option, line] = container["command"]
    orgs = workspace.folder / "orgs"
    for name in ("acme", "beta", "cosmos", "delta"):
        (orgs / name).mkdir(parents=True)
        workspace.copied(orgs / name)
    told = ""
    for index in range(3):
        ran = subprocess.run(
            [shell, option, line.replace("/var/lib/sfsync/orgs", str(orgs)).replace("--quiet", "")],
            env=workspace.environ | {"JOB_COMPLETION_INDEX": str(index), "PATH": f"{Path(SFSYNC).parent}:{os.environ['PATH']}"},
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        told += ran.stdout
    shutil.rmtree(orgs)
    assert sorted(line.split("/")[-2] for line in told.splitlines() if "sfsync.yaml" in line) == ["acme", "beta", "cosmos", "delta"]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("kubernetes", "--install"), "kubectl"),
        (("kubernetes", "--name", "My_Job"), "CronJob's name"),
        (("cron", "--shards", "2"), "kubernetes"),
        (("systemd", "--image", "x"), "kubernetes"),
    ],
)
def test_what_cannot_be_is_refused(
    workspace: Workspace, options: tuple[str, ...], told: str
) -> None:
    ran = workspace.run_in_process("schedule", *options, "--json")
    assert ran.code == 2
    assert told in ran.document["errors"][0]["message"]


def test_a_mirror_that_is_not_on_the_volume_is_refused(
    workspace: Workspace, tmp_path: Path
) -> None:
    before = workspace.yaml.read_text()
    workspace.yaml.write_text(before + f"\nmirror:\n  path: {tmp_path}/else.db\n" if "\nmirror:" not in before else before.replace("path: ", f"path: {tmp_path}/", 1))  # fmt: skip
    try:
        ran = workspace.run_in_process("schedule", "kubernetes", "--json")
    finally:
        workspace.yaml.write_text(before)
    assert ran.code == 2
    assert "volume" in ran.document["errors"][0]["message"]
