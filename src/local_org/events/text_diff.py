"""How a change event tells a change of a long text: as a unified diff, where that is shorter.

Source: docs/salesforce.md §14.4.
"""

import difflib
import hashlib

_MOST_OF_LENGTH = 0.5
_MOST_OF_LINES = 0.25


def diff_of(before: str, after: str) -> str | None:
    """The diff that turns one text into the other; None where the whole text is told instead.

    Its ``+++`` line carries the SHA-256 of the new text.
    """
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    digest = hashlib.sha256(after.encode()).hexdigest()
    lines = list(difflib.unified_diff(old, new, "", digest, n=0))
    moved = sum(line[:1] in "+-" for line in lines[2:])
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    too_long = len(text) > _MOST_OF_LENGTH * len(after)
    too_many = moved > _MOST_OF_LINES * max(len(old), len(new))
    return None if too_long or too_many or not lines else text
