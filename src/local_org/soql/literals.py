"""String literals and LIKE patterns, and errors that point at a place in the query.

Source: SOQL and SOSL Reference v65, "Quoted String Escape Sequences", LIKE.
"""

import re

from local_org.api_error import ApiError


def malformed(message: str) -> ApiError:
    """MALFORMED_QUERY with that text."""
    return ApiError("MALFORMED_QUERY", message)


def pointed(text: str, at: int, message: str) -> str:
    """Show where in the query something is wrong, in the way Salesforce does.

    >>> print(pointed("SELECT Foo FROM Contact", 7, "No such column"))
    <BLANKLINE>
    SELECT Foo FROM Contact
           ^
    ERROR at Row:1:Column:8
    No such column
    """
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line = text[begin : end if end >= 0 else len(text)]
    column = at - begin
    first = max(0, column - 40)
    shown = line[first : column + 40]
    row = text.count("\n", 0, at) + 1
    return (
        f"\n{shown}\n{' ' * (column - first)}^\nERROR at Row:{row}:Column:{column + 1}\n{message}"
    )


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_WILDCARDS = {"%": ".*", "_": "."}
QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)


def unquote(raw: str) -> str:
    r"""Read the inside of a string literal.

    >>> unquote(r"O\'Brien")
    "O'Brien"
    """
    return _ESCAPE.sub(lambda found: _unescaped(raw, found[1]), raw) if "\\" in raw else raw


def _unescaped(raw: str, code: str) -> str:
    if len(code) == 5:
        return chr(int(code[1:], 16))
    plain = _ESCAPES.get(code.lower() if code in "NRTBF" else code)
    if plain is None:
        raise malformed(
            f"Invalid string literal '{raw}'."
            f" Illegal character sequence '\\{code}' in string literal."
        )
    return plain


def like_pattern(raw: str) -> re.Pattern[str]:
    """Turn the inside of a LIKE literal into a pattern that ignores case.

    ``%`` stands for any text, ``_`` for one character.
    """
    parts: list[str] = []
    at = 0
    while at < len(raw):
        char = raw[at]
        if char == "\\":
            found = _ESCAPE.match(raw, at)
            if found is None:
                raise malformed(f"Invalid string literal '{raw}'.")
            code = found[1]
            parts.append(re.escape(code if code in {"%", "_"} else _unescaped(raw, code)))
            at = found.end()
            continue
        parts.append(_WILDCARDS.get(char) or re.escape(char))
        at += 1
    return re.compile("".join(parts) + r"\Z", re.IGNORECASE | re.DOTALL)
