"""What is taken out of an answer of the org's, which may be of any shape. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sfsync.errors import ProtocolError


@contextmanager
def shape_of(what: str) -> Iterator[None]:
    """Where an answer's values are read: one that is missing, or is of another kind, is told as such.

    Args:
        what: the answer's name in a sentence, ``the org's description of Contact``.

    Raises:
        ProtocolError: it has not the shape of one.

    >>> with shape_of("the org's list of users"):
    ...     {"records": 7}["records"]["Name"]
    Traceback (most recent call last):
    sfsync.errors.ProtocolError: the org's list of users has not the shape of one
    """
    try:
        yield
    except (TypeError, AttributeError, LookupError, ValueError, OverflowError) as error:
        raise ProtocolError(f"{what} has not the shape of one") from error
