"""When a job runs by itself: as a line for cron, units for systemd, an agent for launchd (for Kubernetes: ``schedule_manifests``). Pure: text from a job.

All three call the same command with absolute paths and everything it needs beside it, because none
of them has the environment of a person's shell. The minute is the job's own, so that a thousand of
them do not all come to Salesforce on the hour.

Source: systemd.service(5) (RuntimeMaxSec= has no effect on Type=oneshot, TimeoutStartSec= limits
it; quoting), systemd.timer(5) (Persistent=, RandomizedDelaySec=), systemd.exec(5) (LoadCredential=,
sandboxing, which in user units implies PrivateUsers=), systemd.time(7) (calendar events),
crontab(5) (a percent sign ends the command), launchd.plist(5).
"""

from __future__ import annotations

import hashlib
import plistlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sfsync.errors import UsageError

MINUTES = (5, 10, 15, 20, 30)
HOURS = (1, 2, 3, 4, 6, 8, 12)
FORMS = f"{'m, '.join(map(str, MINUTES))}m, {'h, '.join(map(str, HOURS))}h, 1d"
LONGEST_RUN = timedelta(hours=2)
AT_NIGHT = 3
"""The hour of a daily run."""

_EVERY = re.compile(r"([0-9]{1,3})\s*([mhd])")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Every:
    """How often: every so many minutes, hours, or once a day."""

    number: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Every:
        """From ``15m``, ``1h``, ``1d``.

        Raises:
            UsageError: not one of the intervals that divide an hour or a day.

        >>> Every.parse("1h")
        Every(number=1, unit='h')
        """
        found = _EVERY.fullmatch(text.strip().lower())
        number, unit = (int(found[1]), found[2]) if found else (0, "")
        if number not in {"m": MINUTES, "h": HOURS, "d": (1,)}.get(unit, ()):
            raise UsageError(
                f"{text!r} is no interval that every clock can keep", hint=f"Use one of: {FORMS}."
            )
        return cls(number, unit)

    def __str__(self) -> str:
        return f"{self.number}{self.unit}"

    @property
    def length(self) -> timedelta:
        """The time from one run to the next."""
        return timedelta(**{{"m": "minutes", "h": "hours", "d": "days"}[self.unit]: self.number})

    @property
    def longest_run(self) -> timedelta:
        """After how long a run that is still under way is asked to stop."""
        return min(2 * self.length, LONGEST_RUN)


_BATCHES = {"hourly_batch": Every(1, "h"), "daily_batch": Every(1, "d")}


def batch(frequency: str, fallback: str) -> Every | None:
    """How often an object's rules ask for a batch: their ``frequency``, or real time's ``fallback``.

    >>> batch("daily_batch", "hourly_batch")
    Every(number=1, unit='d')
    >>> batch("real_time", "hourly_batch")
    Every(number=1, unit='h')
    >>> batch("manual", "hourly_batch") is None
    True
    """
    return _BATCHES.get(fallback if frequency == "real_time" else frequency)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to run, and what it needs.

    Attributes:
        name: what the units are called; letters, digits, dots, dashes.
        command: the words of the command, the program's absolute path first.
        folder: the mirror's, the only one that the job has to write to.
        environ: variables that the command needs; no secret.
        credentials: name -> file, for secrets that lie in files.
        settings_file: variables with secrets, in a file of the user's own.
        user: whom a unit of the whole system runs as; empty for a person's own.
    """

    name: str
    command: Sequence[str]
    folder: Path
    every: Every
    environ: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, Path] = field(default_factory=dict)
    settings_file: Path | None = None
    user: str = ""

    @property
    def by_shell(self) -> Sequence[str]:
        """The command for who reads no file of variables: a shell reads it, and becomes the command."""
        if self.settings_file is None:
            return self.command
        return [
            "/bin/sh",
            "-c",
            'set -a; . "$0"; exec "$@"',
            str(self.settings_file),
            *self.command,
        ]

    @property
    def minute(self) -> int:
        """The job's own minute: always the same, and another one for another mirror."""
        digest = hashlib.sha256(str(self.folder / self.name).encode()).digest()
        return int.from_bytes(digest[:4]) % 60


def job_name(text: str) -> str:
    """A name that can be a file's.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(text):
        raise UsageError(
            f"{text!r} cannot be a job's name", hint="Use letters, digits, dots and dashes."
        )
    return text


# -- cron ------------------------------------------------------------------------------------------
def cron_line(job: Job, files: Mapping[str, Path]) -> str:
    """One line of a crontab; it runs in an empty environment.

    Args:
        files: variable -> the file that holds a secret: cron hands over no credentials.

    Raises:
        UsageError: a path or a value holds a line end.
    """
    environ = {**job.environ, **{name: str(path) for name, path in files.items()}}
    words = [f"{name}={shlex.quote(value)}" for name, value in environ.items()]
    line = " ".join([cron_time(job), *words, *map(shlex.quote, job.by_shell)])
    if "\n" in line or "\r" in line:
        raise UsageError(
            "a line of a crontab cannot hold a line end", hint="Choose paths without one."
        )
    return line.replace("%", r"\%")


def cron_time(job: Job) -> str:
    """When, in the five fields of a crontab."""
    every, minute = job.every, job.minute
    if every.unit == "m":
        minutes = ",".join(map(str, range(minute % every.number, 60, every.number)))
        return f"{minutes} * * * *"
    if every.unit == "d":
        return f"{minute} {AT_NIGHT} * * *"
    return f"{minute} * * * *" if every.number == 1 else f"{minute} */{every.number} * * *"


def in_crontab(crontab: str, job_name: str, line: str | None) -> str:
    r"""The crontab with this job's line in place of an earlier one, or without any.

    Args:
        line: ``None`` to take it away.

    >>> in_crontab("1 * * * * other\n", "sfsync", "7 * * * * sfsync sync")
    '1 * * * * other\n# sfsync: begin\n7 * * * * sfsync sync\n# sfsync: end\n'
    """
    begin, end = f"# {job_name}: begin", f"# {job_name}: end"
    kept: list[str] = []
    inside = False
    for each in crontab.splitlines():
        if each == begin:
            inside = True
        elif each == end and inside:
            inside = False
        elif not inside:
            kept.append(each)
    if line is not None:
        kept += [begin, line, end]
    return "".join(f"{each}\n" for each in kept)


# -- systemd ---------------------------------------------------------------------------------------
def service(job: Job) -> str:
    """The service unit: one run, with little more rights than it needs."""
    environ = [f"Environment={_quoted(f'{name}={value}')}" for name, value in job.environ.items()]
    credentials = [
        f"LoadCredential={name}:{_percent(str(path))}" for name, path in job.credentials.items()
    ]
    network = ["Wants=network-online.target", "After=network-online.target"] if job.user else []
    lines = [
        "[Unit]",
        f"Description=sfsync: keep PenguinMails and Salesforce in step ({job.name})",
        *network,
        "",
        "[Service]",
        "Type=oneshot",
        *([f"User={job.user}"] if job.user else []),
        f"ExecStart={' '.join(_quoted(word, command=True) for word in job.command)}",
        *environ,
        *credentials,
        *([f"EnvironmentFile={_percent(str(job.settings_file))}"] if job.settings_file else []),
        f"TimeoutStartSec={int(job.every.longest_run.total_seconds())}",
        "TimeoutStopSec=90",
        "UMask=0077",
        "LimitCORE=0",
        "NoNewPrivileges=yes",
        "PrivateTmp=yes",
        "ProtectSystem=strict",
        "ProtectHome=read-only",
        f"ReadWritePaths={_quoted(str(job.folder))}",
        "ProtectKernelTunables=yes",
        "ProtectControlGroups=yes",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
        "RestrictSUIDSGID=yes",
        "RestrictRealtime=yes",
        "LockPersonality=yes",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "",
    ]
    return "\n".join(lines)


def timer(job: Job) -> str:
    """The timer unit; a run that was missed while the machine was off is made up for."""
    delay = min(120, int(job.every.length.total_seconds()) // 10)
    lines = [
        "[Unit]",
        f"Description=sfsync every {job.every} ({job.name})",
        "",
        "[Timer]",
        f"OnCalendar={_calendar(job)}",
        "Persistent=true",
        f"RandomizedDelaySec={delay}",
        "AccuracySec=30",
        f"Unit={job.name}.service",
        "",
        "[Install]",
        "WantedBy=timers.target",
        "",
    ]
    return "\n".join(lines)


def _calendar(job: Job) -> str:
    every, minute = job.every, job.minute
    if every.unit == "m":
        return f"*-*-* *:{minute % every.number:02d}/{every.number}:00"
    if every.unit == "d":
        return f"*-*-* {AT_NIGHT:02d}:{minute:02d}:00"
    hours = "*" if every.number == 1 else f"00/{every.number}"
    return f"*-*-* {hours}:{minute:02d}:00"


def _percent(text: str) -> str:
    """A percent sign would begin one of systemd's own names for things."""
    return text.replace("%", "%%")


def _quoted(word: str, *, command: bool = False) -> str:
    """One word as systemd reads it back; in a command a dollar would begin a variable."""
    escaped = _percent(word).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    escaped = escaped.replace("$", "$$") if command else escaped
    return f'"{escaped}"' if re.search(r"[\s'\"\\;]", word) else escaped


# -- launchd ---------------------------------------------------------------------------------------
def agent(job: Job, files: Mapping[str, Path]) -> str:
    """The property list of a person's own agent."""
    environ = {**job.environ, **{name: str(path) for name, path in files.items()}}
    entry = {
        "Label": job.name,
        "ProgramArguments": list(job.by_shell),
        "EnvironmentVariables": environ,
        "StartCalendarInterval": _moments(job),
        "ProcessType": "Background",
        "LowPriorityIO": True,
        "Umask": 0o077,
        "WorkingDirectory": str(job.folder),
    }
    if not environ:
        del entry["EnvironmentVariables"]
    return plistlib.dumps(entry).decode()


def _moments(job: Job) -> list[dict[str, int]]:
    every, minute = job.every, job.minute
    if every.unit == "m":
        return [{"Minute": each} for each in range(minute % every.number, 60, every.number)]
    if every.unit == "d":
        return [{"Hour": AT_NIGHT, "Minute": minute}]
    if every.number == 1:
        return [{"Minute": minute}]
    return [{"Hour": hour, "Minute": minute} for hour in range(0, 24, every.number)]
