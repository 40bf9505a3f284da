"""``${NAME}`` in a value becomes the environment variable of that name.

Pure: the environment is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sfsync.document.problems import Path, Problems

_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
"""An escaped brace; a variable; a brace that nothing closes."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def expanded(document: Any, environ: Mapping[str, str], problems: Problems, path: Path = ()) -> Any:
    """The document with ``${NAME}`` replaced in every text; ``$${`` is ``${`` itself.

    What comes in stays text, and is not looked through for variables again.
    """
    if isinstance(document, dict):
        return {
            key: expanded(value, environ, problems, (*path, key)) for key, value in document.items()
        }
    if isinstance(document, list):
        return [
            expanded(value, environ, problems, (*path, index))
            for index, value in enumerate(document)
        ]
    if isinstance(document, str):
        return _VARIABLE.sub(lambda match: _value(match, environ, problems, path), document)
    return document


def _value(match: re.Match[str], environ: Mapping[str, str], problems: Problems, path: Path) -> str:
    if match.group() == "$${":
        return "${"
    name = match.group(1)
    if name is None or not _NAME.fullmatch(name):
        sentence = f"{match.group()} names no variable; write ${{NAME}}, or $${{ for the characters"
        problems.add(path, sentence)
        return _UNKNOWN
    if name not in environ:
        problems.add(path, f"the environment variable {name} is not set")
        return _UNKNOWN
    return environ[name]


_UNKNOWN = "unknown"
"""What stands for a value that is reported as missing: a blank would be a second mistake."""


def variables_in(raw: Any) -> tuple[str, ...]:
    """The variables that a value takes in, in the order it names them."""
    text = " ".join(map(str, raw)) if isinstance(raw, list) else str(raw)
    return tuple(match.group(1) for match in _VARIABLE.finditer(text) if match.group(1))


def without_variables(raw: Any) -> Any:
    """A section less the keys that take in a variable."""
    if not isinstance(raw, dict):
        return raw
    return {
        key: without_variables(value)
        for key, value in raw.items()
        if not (isinstance(value, str) and "${" in value)
    }
