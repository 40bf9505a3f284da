"""``sfsync.yaml`` and the environment -> ``Config``, read once; every other part is handed plain values.

The file is read more strictly than YAML allows, so that a surprise is a message and never a
setting: only ``true`` and ``false`` are booleans (``on`` and ``no`` are words), numbers are
decimal, dates stay text, no aliases, anchors, tags or merge keys, no key twice, one document, at
most 1 MiB of UTF-8. ``${NAME}`` in a value becomes the environment variable of that name. Every
mistake is told at once, each with line and column.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sfsync.document.problems import Path as KeyPath
from sfsync.document.problems import Problems, shown, suggestion
from sfsync.document.shapes import Shape, section, shaped
from sfsync.document.yaml_reader import decoded, parse_yaml
from sfsync.errors import ConfigError
from sfsync.mapping.parse import SECTIONS, read_mapping
from sfsync.model.limits import Limits
from sfsync.model.mapping import SyncMapping

FILE_NAME: Final = "sfsync.yaml"
ENV_CONFIG: Final = "SFSYNC_CONFIG"
EXAMPLE_NAME: Final = "config.example.yaml"
DEFAULT_PROFILE: Final = "default"
MAX_BYTES: Final = 1024 * 1024
OLDEST_API: Final = 52
"""Source: salesforce-facts §2.1 (upsert's reply body from v46, the duplicate rule header from v52)."""


@dataclass(frozen=True, slots=True)
class OrgSettings:
    """How to reach and enter the org.

    Attributes:
        login_url: an origin, without a path: ``https://login.salesforce.com``.
        redirect_ports: ports of the login's way back, in the order they are tried.
        api_version: ``66.0``.
    """

    login_url: str
    client_id: str
    redirect_ports: tuple[int, ...] = (1717, 1718, 1716)
    scopes: tuple[str, ...] = ("api", "refresh_token")
    api_version: str = "66.0"

    @property
    def scope(self) -> str:
        """The scopes as OAuth sends them."""
        return " ".join(self.scopes)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the file says.

    Attributes:
        mirror_path: absolute, or relative to the working directory as the file's own path was.
        source: the file.
        digest: of the file's bytes, to tell whether it changed.
        profile: whose settings these are.
        profiles: every profile that the file names.
        variables: the environment variables whose values the file takes in, in the order it names
            them.
    """

    org: OrgSettings
    mirror_path: Path
    mapping: SyncMapping
    limits: Limits
    source: Path
    digest: str
    profile: str = DEFAULT_PROFILE
    profiles: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


# -- finding and reading the file ------------------------------------------------------------------
def find_config(
    explicit: Path | None, environ: Mapping[str, str], cwd: Path, user_config_dir: Path
) -> Path:
    """The file to read: ``--config``, else ``$SFSYNC_CONFIG``, else the working and the user's folder.

    Raises:
        ConfigError: there is none, or what was named is none.
    """
    if explicit is not None:
        return _named(cwd / explicit, f"--config {explicit}")
    from_environment = environ.get(ENV_CONFIG, "")
    if from_environment:
        return _named(cwd / from_environment, f"${ENV_CONFIG} ({from_environment})")
    candidates = (cwd / FILE_NAME, user_config_dir / FILE_NAME)
    for candidate in candidates:
        if candidate.exists():
            return _named(candidate, str(candidate))
    looked = " nor in ".join(str(candidate.parent) for candidate in candidates)
    raise ConfigError(f"no {FILE_NAME} in {looked}", hint="sfsync init writes one")


def _named(path: Path, told: str) -> Path:
    if path.is_dir():
        raise ConfigError(
            f"{told} is a folder, not a file", hint=f"did you mean {path / FILE_NAME}?"
        )
    if not path.exists():
        raise ConfigError(f"{told}: no such file", hint="sfsync init writes one")
    return path


def load_config(path: Path, environ: Mapping[str, str], profile: str | None = None) -> Config:
    """Read the file.

    Args:
        path: as found by ``find_config``.
        environ: what ``${NAME}`` is looked up in.
        profile: whose settings; ``None`` for the one that was chosen for this file.

    Raises:
        ConfigError: with every mistake in ``problems``, ``sfsync.yaml:14:7 Emial: …``.
    """
    name = chosen_profile(path) if profile is None else profile
    data = _read_bytes(path)
    document, problems = parse_yaml(decoded(data, path.name), path.name)
    raw = _without_others(document, name)
    expanded = _expanded(raw, environ, problems)
    config = _config(expanded, path, hashlib.sha256(data).hexdigest(), environ, problems, name)
    problems.raise_if_any(str(path))
    return replace(config, variables=tuple(dict.fromkeys(_variables(raw))))


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that counts, and where it came from.

    Attributes:
        key: ``org.login_url``.
        line: of the file; 0 where it is a default.
        profile: whose section it stands in; empty for the top of the file.
        variables: what the value was put together from.
    """

    key: str
    value: Any
    line: int = 0
    profile: str = ""
    variables: tuple[str, ...] = ()


def settings(config: Config) -> list[Setting]:
    """Every value that counts for this profile, in the order of the file's sections.

    Args:
        config: as it was loaded, without a mistake.
    """
    document, problems = parse_yaml(
        decoded(_read_bytes(config.source), config.source.name), config.source.name
    )
    effective: dict[KeyPath, Any] = {
        **{
            ("org", item.name): _listed(getattr(config.org, item.name))
            for item in fields(config.org)
        },
        ("mirror", "path"): str(config.mirror_path),
    }
    own: list[Setting] = []
    for path, value in effective.items():
        in_profile = ("profiles", config.profile, *path)
        stands = in_profile if _at(document, in_profile) is not None else path
        told = _at(document, stands)
        line = problems.positions.of(stands)[0] if told is not None else 0
        name = config.profile if stands is in_profile else ""
        own.append(Setting(_dotted(path), value, line, name, _variables(told)))
    rest = {
        key: document[key] for key in document if key not in ("org", "mirror", "profiles", "limits")
    }
    own += [
        Setting(_dotted(path), value, problems.positions.of(path)[0], "", _variables(value))
        for path, value in _leaves({**rest, "limits": document.get("limits", {})})
    ]
    stated = {setting.key for setting in own}
    standard = {"max_delete": "10%", "overlap": "15m", "api_reserve": "20%", "api_per_run": "25%"}
    own += [
        Setting(f"limits.{key}", standard.get(key, "off"))
        for key in _LimitsShape.model_fields
        if not any(name.startswith(f"limits.{key}") for name in stated)
    ]
    return own


def _at(document: Any, path: KeyPath) -> Any:
    for step in path:
        document = document.get(step) if isinstance(document, dict) else None
    return document


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _variables(raw: Any) -> tuple[str, ...]:
    text = " ".join(map(str, raw)) if isinstance(raw, list) else str(raw)
    return tuple(match.group(1) for match in _VARIABLE.finditer(text) if match.group(1))


def _leaves(raw: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Everything that is no mapping, nor a list of mappings, with its path."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(raw, list) and any(isinstance(one, dict | list) for one in raw):
        for index, value in enumerate(raw):
            yield from _leaves(value, (*path, index))
    else:
        yield path, raw


def _dotted(path: KeyPath) -> str:
    """``("rules", 0, "on")`` as ``rules[0].on``."""
    return "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in path
    ).removeprefix(".")


# -- profiles --------------------------------------------------------------------------------------
_PROFILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_profile_name(name: str) -> bool:
    """Whether it can be part of a file's name, and climbs nowhere.

    >>> [is_profile_name(name) for name in ("sandbox", "eu.west-1", "..", "a/b", "a..b", "")]
    [True, True, False, False, False, False]
    """
    return bool(_PROFILE.fullmatch(name)) and ".." not in name


def profile_file(path: Path) -> Path:
    """Where the profile that was chosen for a configuration is kept: beside it, one word."""
    return path.with_suffix(".profile")


def chosen_profile(path: Path) -> str:
    """The profile that was chosen for this configuration; the default one where none was.

    Raises:
        ConfigError: the file says something that is no profile. Going on with another org would be
            worse.
    """
    file = profile_file(path)
    try:
        name = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return DEFAULT_PROFILE
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file} cannot be read", hint="`sfsync profile use NAME` writes it anew."
        ) from error
    if not is_profile_name(name):
        raise ConfigError(
            f"{file} names no profile", hint="`sfsync profile use NAME` writes it anew."
        )
    return name


def _without_others(document: dict[str, Any], profile: str) -> dict[str, Any]:
    """The document, less what other profiles take from variables: those need not be set for this one."""
    sections = document.get("profiles")
    if not isinstance(sections, dict):
        return document
    kept = {name: raw if name == profile else _constant(raw) for name, raw in sections.items()}
    return {**document, "profiles": kept}


def _constant(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {
            key: _constant(value)
            for key, value in raw.items()
            if not (isinstance(value, str) and "${" in value)
        }
    return raw


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than 1 MiB: that is no sfsync.yaml")
    return data


def example_config() -> str:
    """The commented example that ``sfsync init`` writes."""
    packaged = resources.files("sfsync").joinpath(EXAMPLE_NAME)
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    checkout = Path(__file__).resolve().parents[2] / EXAMPLE_NAME
    return checkout.read_text(encoding="utf-8")


# -- the environment -------------------------------------------------------------------------------
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _expanded(
    document: Any, environ: Mapping[str, str], problems: Problems, path: KeyPath = ()
) -> Any:
    """``${NAME}`` replaced in every text value; ``$${`` is ``${`` itself. What comes in stays text."""
    if isinstance(document, dict):
        return {
            key: _expanded(value, environ, problems, (*path, key))
            for key, value in document.items()
        }
    if isinstance(document, list):
        return [
            _expanded(value, environ, problems, (*path, index))
            for index, value in enumerate(document)
        ]
    if not isinstance(document, str) or "${" not in document:
        return document

    def replaced(match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        name = match.group(1)
        if name is None or not _VARIABLE_NAME.fullmatch(name):
            problems.add(
                path,
                f"{match.group()} names no variable; write ${{NAME}}, or $${{ for the characters",
            )
            return "unknown"
        if name not in environ:
            problems.add(path, f"the environment variable {name} is not set")
            return "unknown"
        return environ[name]

    return _VARIABLE.sub(replaced, document)


# -- the sections that are not about data ----------------------------------------------------------
_TOP = ("org", "mirror", *SECTIONS, "limits", "profiles")
_SECRETS = re.compile(
    r"secret|passw|access_token|security_token|private_key|token_key", re.IGNORECASE
)


class _OrgShape(Shape):
    client_id: str
    login_url: str = "https://login.salesforce.com"
    redirect_ports: Any = None
    scopes: Any = None
    api_version: Any = None


class _MirrorShape(Shape):
    path: str = "mirror.db"


class _OrgOfProfileShape(Shape):
    client_id: str = ""
    login_url: str = ""
    redirect_ports: Any = None
    scopes: Any = None
    api_version: Any = None


class _MirrorOfProfileShape(Shape):
    path: str


class _ProfileShape(Shape):
    org: Any = None
    mirror: Any = None


class _LimitsShape(Shape):
    max_delete: Any = None
    max_change: Any = None
    overlap: Any = None
    api_reserve: Any = None
    api_per_run: Any = None


class _MaxDeleteShape(Shape):
    percent: Any
    at_least: int = Limits().max_delete_rows


def _config(
    document: dict[str, Any],
    path: Path,
    digest: str,
    environ: Mapping[str, str],
    problems: Problems,
    profile: str,
) -> Config:
    for key in document:
        if key not in _TOP:
            problems.add((key,), f"no such key here{suggestion(key, _TOP)}", at_key=True)
    if "org" not in document:
        problems.add(("org",), "missing: say which Salesforce org (login_url, client_id)")
    org = _org(document.get("org"), problems) if "org" in document else OrgSettings("", "")
    mirror = _mirror_path(document.get("mirror", {}), path.parent, environ, problems)
    found = _profiles(document, org, mirror, path.parent, environ, problems)
    beside = mirror if profile == DEFAULT_PROFILE else _beside(mirror, profile)
    own_org, own_mirror = found.get(profile, (org, beside))
    return Config(
        org=own_org,
        mirror_path=own_mirror,
        mapping=read_mapping(document, problems),
        limits=_limits(document.get("limits", {}), problems),
        source=path,
        digest=digest,
        profile=profile,
        profiles=tuple(found),
    )


def _beside(mirror: Path, profile: str) -> Path:
    return mirror.with_name(f"{mirror.stem}-{profile}{mirror.suffix}")


def _profiles(
    document: dict[str, Any],
    org: OrgSettings,
    mirror: Path,
    folder: Path,
    environ: Mapping[str, str],
    problems: Problems,
) -> dict[str, tuple[OrgSettings, Path]]:
    """What each profile's org and mirror are: the top's, with what its section says otherwise."""
    found: dict[str, tuple[OrgSettings, Path]] = {}
    taken = {mirror: DEFAULT_PROFILE}
    for name, raw in section(document, "profiles", problems).items():
        where: KeyPath = ("profiles", name)
        if not is_profile_name(name):
            problems.add(
                where, "no name for a profile; use letters, digits, dots and dashes", at_key=True
            )
            continue
        if name == DEFAULT_PROFILE:
            problems.add(
                where, "this profile is what the top of the file says; name another", at_key=True
            )
        shape = shaped(_ProfileShape, raw, where, problems)
        if shape is None:
            continue
        given = shape.model_fields_set
        own = _org_of_profile(shape.org, org, (*where, "org"), problems) if "org" in given else org
        path = _beside(mirror, name)
        if "mirror" in given:
            path = _mirror_path(
                shape.mirror, folder, environ, problems, (*where, "mirror"), _MirrorOfProfileShape
            )
        if path in taken:
            problems.add(
                (*where, "mirror", "path"),
                f"this mirror is profile {taken[path]}'s; each has its own",
            )
        taken[path] = name
        found[name] = (own, path)
    return found


def _org(raw: object, problems: Problems) -> OrgSettings:
    path: KeyPath = ("org",)
    shape = shaped(_OrgShape, _without_secrets(raw, path, problems), path, problems)
    if shape is None:
        return OrgSettings("", "")
    if not shape.client_id.strip():
        problems.add(
            (*path, "client_id"), "empty: the consumer key of the app in Salesforce belongs here"
        )
    login_url = _login_url(shape.login_url, (*path, "login_url"), problems)
    return _changed(OrgSettings(login_url, shape.client_id.strip()), shape, path, problems)


def _org_of_profile(
    raw: object, org: OrgSettings, path: KeyPath, problems: Problems
) -> OrgSettings:
    shape = shaped(_OrgOfProfileShape, _without_secrets(raw, path, problems), path, problems)
    if shape is None:
        return org
    given = shape.model_fields_set
    own = org
    if "login_url" in given:
        own = replace(own, login_url=_login_url(shape.login_url, (*path, "login_url"), problems))
    if "client_id" in given:
        own = replace(own, client_id=shape.client_id.strip())
        if not own.client_id:
            problems.add(
                (*path, "client_id"),
                "empty: the consumer key of the app in Salesforce belongs here",
            )
    return _changed(own, shape, path, problems)


def _changed(
    org: OrgSettings, shape: _OrgShape | _OrgOfProfileShape, path: KeyPath, problems: Problems
) -> OrgSettings:
    """The settings, with what this section says of the rest."""
    given = shape.model_fields_set
    if "redirect_ports" in given:
        org = replace(
            org, redirect_ports=_ports(shape.redirect_ports, (*path, "redirect_ports"), problems)
        )
    if "scopes" in given:
        org = replace(org, scopes=_scopes(shape.scopes, (*path, "scopes"), problems))
    if "api_version" in given:
        org = replace(
            org, api_version=_api_version(shape.api_version, (*path, "api_version"), problems)
        )
    return org


def _without_secrets(raw: object, path: KeyPath, problems: Problems) -> object:
    if not isinstance(raw, dict):
        return raw
    secrets = [key for key in raw if _SECRETS.search(key) or key == "refresh_token"]
    for key in secrets:
        advice = (
            "set the environment variable SFSYNC_CLIENT_SECRET instead"
            if "secret" in key
            else "sfsync login asks for what it needs"
        )
        problems.add((*path, key), f"a secret does not belong in this file; {advice}", at_key=True)
    return {key: value for key, value in raw.items() if key not in secrets}


def _login_url(url: str, path: KeyPath, problems: Problems) -> str:
    """An origin: https, or http on this machine for a local org. The value itself is not repeated in messages."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        problems.add(path, "not an address like https://login.salesforce.com")
        return ""
    if parts.scheme not in {"http", "https"} or not host or re.search(r"\s", url.strip()):
        problems.add(path, "not an address like https://login.salesforce.com")
    elif parts.scheme == "http" and not _is_loopback(host):
        problems.add(path, "http would send the login in the clear; write https://")
    elif parts.username is not None or parts.password is not None:
        problems.add(
            path,
            "a user or password does not belong in the address; sfsync login asks for what it needs",
        )
    elif parts.path not in {"", "/"} or parts.query or parts.fragment:
        problems.add(path, "only the address of the host is needed, without a path")
    shown_host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown_host}{f':{port}' if port else ''}"


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ports(raw: object, path: KeyPath, problems: Problems) -> tuple[int, ...]:
    entries = raw if isinstance(raw, list) else [raw]
    if not entries:
        problems.add(path, "empty: at least one port is needed for the login's way back")
    ports: list[int] = []
    for index, entry in enumerate(entries):
        where = (*path, index) if isinstance(raw, list) else path
        port = (
            int(entry)
            if isinstance(entry, str) and re.fullmatch(r"[1-9][0-9]{0,4}", entry)
            else entry
        )
        if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
            problems.add(where, f"expected a port from 1 to 65535, found {shown(entry)}")
        elif port in ports:
            problems.add(where, f"{port} stands here twice")
        else:
            ports.append(port)
    return tuple(ports)


def _scopes(raw: object, path: KeyPath, problems: Problems) -> tuple[str, ...]:
    entries = raw.split() if isinstance(raw, str) else raw
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        problems.add(path, f"expected a list like [api, refresh_token], found {shown(raw)}")
        return ()
    for index, entry in enumerate(entries):
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", entry):
            problems.add(
                (*path, index),
                f"{shown(entry)} is no scope; one like api, refresh_token is expected",
            )
    if not {"api", "full"} & set(entries):
        problems.add(path, "without api nothing can be read or written; write [api, refresh_token]")
    return tuple(dict.fromkeys(entries))


def _api_version(raw: object, path: KeyPath, problems: Problems) -> str:
    text = f"{raw:.1f}" if isinstance(raw, float) else str(raw)
    text = f"{text}.0" if isinstance(raw, int) and not isinstance(raw, bool) else text
    if not re.fullmatch(r"[1-9][0-9]{1,2}\.0", text):
        problems.add(path, f'expected a version like "66.0", found {shown(raw)}')
    elif int(text.split(".")[0]) < OLDEST_API:
        problems.add(path, f"{text} is too old: sfsync needs {OLDEST_API}.0 or later")
    return text


def _mirror_path(
    raw: object,
    folder: Path,
    environ: Mapping[str, str],
    problems: Problems,
    at: KeyPath = ("mirror",),
    kind: type[_MirrorShape | _MirrorOfProfileShape] = _MirrorShape,
) -> Path:
    shape = shaped(kind, raw, at, problems)
    text = shape.path.strip() if shape else "mirror.db"
    where: KeyPath = (*at, "path")
    if not text or text == ":memory:" or re.match(r"[a-z]{2,}:", text):
        problems.add(where, f"expected a file's path, found {shown(text)}")
        return folder
    home = environ.get("HOME", "")
    path = Path(home, text[2:]) if text.startswith("~/") and home else Path(text).expanduser()
    path = folder / path
    if path.is_dir():
        problems.add(
            where,
            f"{shown(text)} is a folder; a file is expected, like {text.rstrip('/')}/mirror.db",
        )
    return path


# -- limits ----------------------------------------------------------------------------------------
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)\s*%")
_DURATION = re.compile(r"(?:([0-9]{1,3})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})s)?")
_LONGEST_OVERLAP = timedelta(days=7)


def _limits(raw: object, problems: Problems) -> Limits:
    shape = shaped(_LimitsShape, raw, ("limits",), problems)
    standard = Limits()
    if shape is None:
        return standard
    given = shape.model_fields_set
    share, rows = standard.max_delete, standard.max_delete_rows
    if "max_delete" in given:
        share, rows = _max_delete(shape.max_delete, ("limits", "max_delete"), problems)
    overlap = standard.overlap
    if "overlap" in given:
        overlap = _duration(shape.overlap, ("limits", "overlap"), problems)
    reserve = standard.api_reserve
    if "api_reserve" in given:
        reserve = _percent(shape.api_reserve, ("limits", "api_reserve"), problems)
        if reserve >= 1:
            problems.add(("limits", "api_reserve"), "100% would leave no call for sfsync")
    per_run = standard.api_per_run
    if "api_per_run" in given:
        per_run = _percent(shape.api_per_run, ("limits", "api_per_run"), problems)
        if per_run <= 0:
            problems.add(("limits", "api_per_run"), "0% would leave no call for sfsync")
    change = standard.max_change
    if "max_change" in given:
        change = _percent(shape.max_change, ("limits", "max_change"), problems)
    return Limits(share, rows, overlap, reserve, per_run, change)


def _max_delete(raw: object, path: KeyPath, problems: Problems) -> tuple[float, int]:
    if not isinstance(raw, dict):
        return _percent(raw, path, problems), Limits().max_delete_rows
    shape = shaped(_MaxDeleteShape, raw, path, problems)
    if shape is None:
        return 0.0, 0
    if shape.at_least < 0:
        problems.add((*path, "at_least"), f"expected a number of rows, found {shape.at_least}")
    return _percent(shape.percent, (*path, "percent"), problems, bare=True), shape.at_least


def _percent(raw: object, path: KeyPath, problems: Problems, *, bare: bool = False) -> float:
    """A share from 0 to 1, written ``10%``; a bare number only where the key itself says percent."""
    if bare and isinstance(raw, int | float) and not isinstance(raw, bool):
        raw = f"{raw}%"
    match = _PERCENT.fullmatch(raw.strip()) if isinstance(raw, str) else None
    if match is None or float(match.group(1)) > 100:
        problems.add(path, f"expected a share like 10%, found {shown(raw)}")
        return 0.0
    return float(match.group(1)) / 100


def _duration(raw: object, path: KeyPath, problems: Problems) -> timedelta:
    match = _DURATION.fullmatch(raw.strip()) if isinstance(raw, str) and raw.strip() else None
    if match is None:
        problems.add(path, f"expected a time like 15m, 90s or 2h, found {shown(raw)}")
        return timedelta()
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if span > _LONGEST_OVERLAP:
        problems.add(path, f"{shown(raw)} is too long: at most 7d")
    return span
