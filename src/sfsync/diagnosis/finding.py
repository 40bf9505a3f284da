"""What a finding is, and what a line of the catalogue of findings says about all cases of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from string import Formatter

from sfsync.mapping.problem import Severity


class Who(StrEnum):
    """Who can mend it."""

    YOU = "you"
    ADMIN = "an admin"
    SFSYNC = "sfsync"


class Area(StrEnum):
    """What a finding is about, in the order in which findings are shown."""

    LOGIN = "Login"
    ORG = "Org"
    FIELDS = "Objects and fields"
    ACTIVITY = "Email activity"
    EVENTS = "Real time"
    LIMITS = "Limits"
    MACHINE = "This machine"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know.

    Attributes:
        code: for scripts, ``login.missing``; it never changes.
        subject: the field, file or object; empty where there is none.
        what: is so.
        why: it matters.
        remedy: what to do about it; empty where nothing is to be done.
        who: can do it.
    """

    code: str
    area: Area
    severity: Severity
    what: str
    why: str = ""
    remedy: str = ""
    who: Who = Who.YOU
    subject: str = ""

    def as_dict(self) -> dict[str, str]:
        """For the JSON document."""
        return {name: str(getattr(self, name)) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the catalogue.

    Attributes:
        area: where it is shown, unless the case is in another of ``may_be``; likewise ``severity``
            and ``who``.
        what: is so, as a text with ``{names}`` of values; likewise ``why`` and ``remedy``.
        may_be: areas, severities and persons that a case can have instead.
        in_general: what stands in the documentation for a value; ``…`` for one that is not here.
    """

    code: str
    area: Area
    severity: Severity
    what: str
    why: str = ""
    remedy: str = ""
    who: Who = Who.YOU
    may_be: tuple[Area | Severity | Who, ...] = ()
    in_general: Mapping[str, str] = field(default_factory=dict)

    @property
    def values(self) -> frozenset[str]:
        """The names of the values that its texts need."""
        texts = (self.what, self.why, self.remedy)
        return frozenset(
            name for text in texts for _, name, _, _ in Formatter().parse(text) if name
        )

    def general(self, text: str) -> str:
        """One of its texts as the documentation says it, for no case in particular."""
        parts = Formatter().parse(text)
        return "".join(
            before + (self.in_general.get(name, "…") if name else "")
            for before, name, _, _ in parts
        )
