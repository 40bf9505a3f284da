"""The bitmaps in which a change event's header names fields.

Bit i of the first entry, counted from the least significant, is the field at position i of the
schema; an entry ``P-0x…`` does the same within the compound field at position P. Digits are in
upper case, whole bytes.

Source: docs/salesforce.md §14.3.
"""

from collections.abc import Iterable, Mapping

from local_org.events.layout import Layout

Paths = Iterable[tuple[str, str | None]]
"""Fields: (the field, None) or (the compound field, its part)."""


def hex_mask(positions: Iterable[int]) -> str:
    """The bitmap of these positions.

    >>> hex_mask([12, 19, 20, 21, 22, 23, 27]), hex_mask([2])
    ('0x08F81000', '0x04')
    """
    mask = sum(1 << at for at in set(positions))
    digits = f"{mask:X}"
    return "0x" + digits.rjust(len(digits) + len(digits) % 2, "0")


def bitmaps(layout: Layout, paths: Paths) -> list[str]:
    """The entries that name these fields; none where there are none."""
    top: set[int] = set()
    within: dict[int, set[int]] = {}
    for name, part in paths:
        at = layout.positions[name]
        if part is None:
            top.add(at)
        else:
            within.setdefault(at, set()).add(_part_positions(layout, at)[part])
    first = [hex_mask(top)] if top else []
    return first + [f"{at}-{hex_mask(bits)}" for at, bits in sorted(within.items())]


def fields_of(layout: Layout, entries: Iterable[str]) -> set[tuple[str, str | None]]:
    """The fields that entries of one's own name."""
    found: set[tuple[str, str | None]] = set()
    for entry in entries:
        at, dash, mask = entry.rpartition("-")
        bits = [bit for bit in range(int(mask, 16).bit_length()) if int(mask, 16) >> bit & 1]
        if not dash:
            found |= {(layout.places[bit - 1].name, None) for bit in bits}
            continue
        place = layout.places[int(at) - 1]
        parts = list(place.parts.values())
        found |= {(place.name, parts[bit]) for bit in bits}
    return found


def _part_positions(layout: Layout, at: int) -> Mapping[str, int]:
    return {part: bit for bit, part in enumerate(layout.places[at - 1].parts.values())}
