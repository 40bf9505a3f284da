"""The Dockerfile, as far as that can be told without building it."""

import re

from tests.docs.pages import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def instructions(name: str) -> list[str]:
    whole = re.sub(r"\\\n\s*", "", DOCKERFILE)
    return [
        line.removeprefix(f"{name} ") for line in whole.splitlines() if line.startswith(f"{name} ")
    ]


def test_every_base_is_the_same_and_pinned_by_its_digest() -> None:
    bases = [line.split()[0] for line in instructions("FROM")]
    assert len(bases) == 2
    [base] = set(bases)
    assert re.fullmatch(r"python:[\w.-]+@sha256:[0-9a-f]{64}", base)


def test_packages_are_pinned_by_their_hashes() -> None:
    installs = [line for line in instructions("RUN") if "pip install" in line]
    assert "--require-hashes" in installs[0]
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


def test_it_runs_as_the_user_that_the_manifests_name() -> None:
    from sfsync.cli.schedule_manifests import HOME, USER

    assert instructions("USER") == [f"{USER}:{USER}"]
    assert instructions("WORKDIR")[-1] == HOME


def test_what_is_copied_is_there_and_let_through() -> None:
    let_through = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {
        word
        for line in instructions("COPY")
        if not line.startswith("--from")
        for word in line.split()[:-1]
    }
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)
