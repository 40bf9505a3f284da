"""Which of several machines works on a configuration: rendezvous hashing.

Every machine decides alone and all come to the same, without talking to one another. A configuration goes to
the shard with the highest hash of the two, so with one shard more only those move that the new one takes,
and with one fewer only those that it had.

Source: D. Thaler, C. Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM
Transactions on Networking 6(1), 1998 (highest random weight).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePath

from sfsync.errors import UsageError

MOST_SHARDS = 10_000
_SHARD = re.compile(r"([0-9]{1,5})/([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``count`` parts; the first is 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From ``1/4``.

        Raises:
            UsageError: no such part.

        >>> Shard.parse("1/4")
        Shard(number=1, count=4)
        """
        found = _SHARD.fullmatch(text.strip())
        number, count = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= count <= MOST_SHARDS:
            raise UsageError(
                f"{text!r} is no shard", hint="Use I/N, from 1/N to N/N: 1/4, 2/4, 3/4, 4/4."
            )
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def has(self, key: str) -> bool:
        """Whether what has this key is in this part."""
        return shard_of(key, self.count) == self.number


def shard_of(key: str, count: int) -> int:
    """The number of the shard that a key belongs to, from 1 to ``count``.

    >>> [shard_of("orgs/ada.yaml", count) for count in (1, 2, 3, 4, 5)]
    [1, 2, 3, 3, 5]
    """
    return max(range(1, count + 1), key=lambda number: _weight(key, number))


def _weight(key: str, number: int) -> bytes:
    return hashlib.sha256(f"{number} {key}".encode(errors="surrogateescape")).digest()


def shard_key(path: PurePath) -> str:
    """What a configuration is told apart by: the last two parts of its path.

    So a shard stays what it is where the files lie in another place on another machine, or are named
    from another folder. Two with the same key are in the same shard, no more.

    Args:
        path: absolute.

    >>> shard_key(PurePath("/srv/orgs/acme.yaml")), shard_key(PurePath("/home/ada/acme/sfsync.yaml"))
    ('orgs/acme.yaml', 'acme/sfsync.yaml')
    """
    return "/".join(path.parts[-2:])
