"""A profile written into a configuration file; all else in it, comments too, stays as it is. Pure: text in, text out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from sfsync.errors import UsageError


def with_profile(text: str, name: str, settings: Mapping[str, Mapping[str, str]]) -> str:
    r"""The file's text with one more profile, behind those that are there.

    Args:
        text: of a file that can be read.
        settings: section -> key -> value: what the profile says otherwise than the top of the file.

    Raises:
        UsageError: its profiles stand on one line, in braces.

    >>> with_profile("profiles:\n  eu:\n    org: {}  # ours\n", "us", {"org": {"client_id": "3MVG9"}})
    'profiles:\n  eu:\n    org: {}  # ours\n  us:\n    org:\n      client_id: 3MVG9\n'
    """
    line_end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    found = _profiles(text)
    if found is None:
        begin = [] if not lines or not lines[-1].strip() else [""]
        added = [*begin, "profiles:", *_section(name, settings, indent=2)]
        return line_end.join([*lines, *added, ""])
    key, value = found
    if isinstance(value, yaml.MappingNode) and value.flow_style:
        shown = "\n".join(_section(name, settings, indent=2))
        raise UsageError(
            "profiles: stands in braces", hint=f"Write it in lines, with these:\n{shown}"
        )
    if isinstance(value, yaml.MappingNode):
        indent, at = value.start_mark.column, _last_line(value) + 1
    else:  # nothing stands under it yet
        indent, at = 2, key.start_mark.line + 1
    return line_end.join([*lines[:at], *_section(name, settings, indent), *lines[at:], ""])


def scalar(value: str) -> str:
    """A text as YAML reads it back: without quotes where that is the same text.

    >>> scalar("3MVG9.a"), scalar("12")
    ('3MVG9.a', '"12"')
    """
    try:
        is_plain = yaml.safe_load(f"key: {value}") == {"key": value}
    except yaml.YAMLError:
        is_plain = False
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def _profiles(text: str) -> tuple[Any, Any] | None:
    """The key and the value of ``profiles``, as YAML's nodes."""
    document = yaml.compose(text, Loader=yaml.SafeLoader)
    entries = document.value if isinstance(document, yaml.MappingNode) else []
    return next(((key, value) for key, value in entries if key.value == "profiles"), None)


def _last_line(node: Any) -> int:
    """The line of the last thing in a section: comments behind it belong to what follows."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end = node.end_mark
    is_behind = end.column == 0 and end.line > node.start_mark.line  # a text of several lines
    return int(end.line) - int(is_behind)


def _section(name: str, settings: Mapping[str, Mapping[str, str]], indent: int) -> list[str]:
    at = " " * indent
    stated = {section: keys for section, keys in settings.items() if keys}
    if not stated:
        return [f"{at}{scalar(name)}: {{}}"]
    lines = [f"{at}{scalar(name)}:"]
    for section, keys in stated.items():
        lines.append(f"{at}  {section}:")
        lines += [f"{at}    {key}: {scalar(value)}" for key, value in keys.items()]
    return lines
