"""A Slurm of one's own: controller and node on loopback, as this user, in a folder that goes away."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "scontrol")


def need_slurm() -> None:
    """Skip the test where it is not installed: Debian's slurmctld, slurmd and slurm-client."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@dataclass
class Slurm:
    """A cluster of one node with two cores."""

    folder: Path
    environ: dict[str, str]
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *options: str) -> None:
        """Start a daemon in the foreground."""
        with (self.folder / f"{name}.out").open("ab") as log:
            self.daemons[name] = subprocess.Popen(
                [name, "-D", *options],
                env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def submit(self, script: Path, **environ: str) -> str:
        """Hand a job in; gives its id."""
        told = self._ask("sbatch", "--parsable", str(script), **environ)
        return told.strip()

    def tasks(self, job: str) -> list[dict[str, str]]:
        """What the controller knows of each task of an array."""
        told = self._ask("scontrol", "--oneliner", "show", "job", job)
        return [
            dict(word.split("=", 1) for word in line.split() if "=" in word)
            for line in told.splitlines()
        ]

    def _ask(self, *words: str, **environ: str) -> str:
        return subprocess.run(
            words, env=self.environ | environ, cwd=self.folder, capture_output=True, text=True,
            timeout=30, check=True,
        ).stdout  # fmt: skip

    def crash_node(self) -> None:
        """The node loses its power; the controller sees that, as it would after SlurmdTimeout; it comes back."""
        node = self.daemons["slurmd"]
        for pid in [node.pid, *self._of_jobs()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.wait()
        name = f"NodeName={socket.gethostname()}"
        self._ask("scontrol", "update", name, "State=DOWN", "Reason=power")
        self.start("slurmd", "-b")
        self._ask("scontrol", "update", name, "State=RESUME")

    def _of_jobs(self) -> list[int]:
        """Slurm's own processes for jobs, and all that these have started: they go on without the daemon."""
        return list(_processes(str(self.folder / "slurm.conf")))

    def logs(self) -> str:
        """What went on, for whoever looks into a failure."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        """End both daemons and what is left of jobs."""
        for daemon in self.daemons.values():
            daemon.terminate()
        for daemon in self.daemons.values():
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(10)
            daemon.kill()
            daemon.wait()
        for pid in self._of_jobs():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _processes(configuration: str) -> Iterator[int]:
    """All processes whose environment names this cluster, but for the controller and its own."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            named = f"SLURM_CONF={configuration}".encode()
            program = (process / "comm").read_text().strip()
            if named in (process / "environ").read_bytes().split(b"\0") and not program.startswith(
                "slurmctld"
            ):
                yield int(process.name)


@contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """A cluster that is up."""
    host = socket.gethostname()
    for name in ("state", "spool"):
        (folder / name).mkdir()
    settings: dict[str, Any] = {
        "ClusterName": "sfsync-tests",
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmctldPort": _free_port(),
        "SlurmdPort": _free_port(),
        "SlurmUser": getuser(),
        "SlurmdUser": getuser(),
        "AuthType": "auth/none",
        "CredType": "cred/none",
        "AuthInfo": "cred_expire=5",  # a job begins anew only after that
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "MpiDefault": "none",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core",
        "SchedulerParameters": "sched_interval=2",
        "ReturnToService": 2,
        "StateSaveLocation": folder / "state",
        "SlurmdSpoolDir": folder / "spool",
        "SlurmctldPidFile": folder / "slurmctld.pid",
        "SlurmdPidFile": folder / "slurmd.pid",
        "SlurmctldLogFile": folder / "slurmctld.log",
        "SlurmdLogFile": folder / "slurmd.log",
    }
    lines = [f"{name}={value}" for name, value in settings.items()]
    lines += [
        f"NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN",
        "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP",
    ]
    (folder / "slurm.conf").write_text("\n".join(lines) + "\n")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "SLURM_CONF": str(folder / "slurm.conf"),
    }
    cluster = Slurm(folder, environ)
    try:
        cluster.start("slurmctld")
        cluster.start("slurmd")
        yield cluster
    finally:
        cluster.stop()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(true: Callable[[], object], seconds: float = 40.0) -> None:
    """Wait for something that another program does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)
