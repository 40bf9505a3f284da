"""JSON text -> values, with one error for all that can be wrong with it, as a sentence for people.

Stricter than Python's own reader: a key twice in one object, ``NaN`` and ``Infinity`` are refused,
for no two readers agree on what they mean.
"""

from __future__ import annotations

import json
from typing import Any

from sfsync.document.problems import shown


class NotJsonError(ValueError):
    """A text is no JSON.

    Attributes:
        reason: the end of a sentence: ``is no JSON: Expecting value at character 1``.
        is_syntax: it may only be cut off.
    """

    def __init__(self, reason: str, *, is_syntax: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_syntax = is_syntax


def decoded(text: str) -> Any:
    """The value that a text holds.

    Raises:
        NotJsonError: it holds none.

    >>> decoded('{"a": [1, null]}')
    {'a': [1, None]}
    """
    try:
        return _DECODER.decode(text.strip())
    except NotJsonError:
        raise
    except json.JSONDecodeError as error:
        told = f"is no JSON: {error.msg} at character {error.pos + 1}"
        raise NotJsonError(told, is_syntax=True) from error
    except RecursionError as error:
        raise NotJsonError("is nested too deeply") from error
    except ValueError as error:
        raise NotJsonError("holds a number too large to be one") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotJsonError(f"the key {shown(twice)} stands here twice")
    return entries


def _no_constant(name: str) -> Any:
    raise NotJsonError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
