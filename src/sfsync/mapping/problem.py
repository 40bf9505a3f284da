"""What does not fit between the mapping and the org: severity, consequence, remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sfsync.document.problems import nearest
from sfsync.model.facts import FieldFacts, SObjectFacts


class Severity(StrEnum):
    """What a problem means for a run."""

    ERROR = "error"  # this object cannot be synced, or no Task can be logged
    WARNING = "warning"  # something is left out; the rest is synced
    NOTE = "note"  # it works, and may surprise


class Ask(StrEnum):
    """What a remedy ends with that only an admin of Salesforce can do."""

    SETUP = (
        "Run `sfsync org setup`, or ask your admin for the PenguinMails fields and their"
        " permission set."
    )
    ACCESS = "Ask your admin for the field, or for the right to see it (field-level security)."
    EDIT = "Ask your admin for edit access to the field, or write direction: pull."


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not fit between the mapping and the org.

    Attributes:
        object: the org's object, ``Contact``.
        field: the org's field; empty where it is about the whole object.
        what: what is so.
        why: what follows from it.
        remedy: what to do about it.
    """

    severity: Severity
    object: str
    field: str
    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        name = f"{self.object}.{self.field}" if self.field else self.object
        return f"{name}: {self.what}; {self.why}. {self.remedy}".rstrip()

    @property
    def is_for_admin(self) -> bool:
        """Whether only a person with rights in Salesforce's setup can mend it."""
        return self.remedy.endswith(tuple(Ask))

    def as_dict(self) -> dict[str, str]:
        """For the JSON document."""
        return {name: str(getattr(self, name)) for name in self.__slots__}


def errors_in(problems: Iterable[Problem]) -> list[Problem]:
    """Those that forbid the run for their object."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]


@dataclass(slots=True)
class ObjectProblems:
    """Collects the problems of one object, in the order in which they are found.

    Attributes:
        sobject: the org's object, ``Contact``.
    """

    sobject: str
    found: list[Problem] = field(default_factory=list)

    def error(self, name: str, what: str, why: str, remedy: str) -> None:
        """Keep what forbids the run for this object; ``name`` is the field's, as for the others."""
        self.found.append(Problem(Severity.ERROR, self.sobject, name, what, why, remedy))

    def warning(self, name: str, what: str, why: str, remedy: str) -> None:
        """Keep what is left out."""
        self.found.append(Problem(Severity.WARNING, self.sobject, name, what, why, remedy))

    def note(self, name: str, what: str, why: str, remedy: str) -> None:
        """Keep what works, and may surprise."""
        self.found.append(Problem(Severity.NOTE, self.sobject, name, what, why, remedy))


# -- what remedies are made of ---------------------------------------------------------------------
OWN: Final = "PenguinMails_"
"""How the names of fields begin that belong to the email platform."""

_MOST_VALUES: Final = 8
"""Of a picklist, named in a remedy."""


def no_such_field(facts: SObjectFacts) -> str:
    """What is so of a field that the describe does not have: hidden ones are not in it either."""
    return f"{facts.name} has no such field, or hides it from this user"


def with_near_name(name: str, facts: SObjectFacts, remedy: str) -> str:
    """The remedy, after a question for the field that was probably meant."""
    return with_suggestion(_near_field(name, facts.fields), remedy)


def with_suggestion(near: str, remedy: str) -> str:
    """The remedy, after a question for what was probably meant; ``near`` is empty for nothing."""
    return f"Did you mean {near}? {remedy}" if near else remedy


def _near_field(name: str, known: Iterable[str]) -> str:
    """The nearest name, by what tells names apart.

    Every field of ours begins and ends alike, which makes all of them look near; and none of them
    is a field of Salesforce's own.
    """
    if name.startswith(OWN):
        known = [entry for entry in known if entry.startswith(OWN)]
    bare = {_bare(entry): entry for entry in known}
    return bare.get(nearest(_bare(name), bare), "")


def _bare(name: str) -> str:
    return name.removeprefix(OWN).removesuffix("__c")


def choices_of(found: FieldFacts, given: str) -> str:
    """A remedy for a value that the field does not take."""
    if not found.picklist:
        return "Choose a shorter one."
    values = ", ".join(found.picklist[:_MOST_VALUES])
    if len(found.picklist) > _MOST_VALUES:
        values += " …"
    return with_suggestion(nearest(given, found.picklist), f"Its values: {values}.")
