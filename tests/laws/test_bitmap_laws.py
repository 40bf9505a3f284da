"""Laws of the stream's bitmaps: what was marked is what is read, whatever the schema; nothing else is ever read."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.salesforce.change_stream.bitmaps import BitmapError, Layout, layout_of, marked_fields
from tests.pubsub import EventShape

NAMES = st.lists(
    st.from_regex(r"[A-Z][A-Za-z]{0,6}(__c)?", fullmatch=True),
    min_size=1,
    max_size=150,
    unique=True,
)


@st.composite
def shapes(draw: st.DrawFn) -> EventShape:
    names = draw(NAMES)
    kinds = st.sampled_from(["string", "double", "boolean", "PersonName", "Address"])
    return EventShape("Contact", {name: draw(kinds) for name in names})


@st.composite
def marked(draw: st.DrawFn) -> tuple[EventShape, list[str]]:
    """A schema, and some of its fields and parts in its order."""
    shape = draw(shapes())
    every = [
        f"{name}.{part}" if part else name
        for name, kind in shape.fields.items()
        for part in {"PersonName": ("FirstName", "LastName"), "Address": ("Street", "City")}.get(
            kind, ("",)
        )
    ]
    kept = draw(st.lists(st.booleans(), min_size=len(every), max_size=len(every)))
    return shape, [path for path, keep in zip(every, kept, strict=True) if keep]


@given(marked())
@settings(deadline=None)
def test_what_was_marked_is_what_is_read(given_marks: tuple[EventShape, list[str]]) -> None:
    shape, paths = given_marks
    read = marked_fields(shape.bitmaps(paths), layout_of(shape.schema))
    assert sorted(".".join(path) for path in read) == sorted(paths)


@given(shapes(), st.integers(0, 2**200))
@settings(deadline=None)
def test_a_bit_beyond_the_schema_is_told_and_never_read(shape: EventShape, bits: int) -> None:
    layout = layout_of(shape.schema)
    fits = bits < 1 << len(layout.names)
    try:
        read = marked_fields([f"0x{bits:X}"], layout)
    except BitmapError:
        assert not fits
    else:
        assert fits
        assert [layout.names.index(path[0]) for path in read] == [
            place for place in range(len(layout.names)) if bits >> place & 1
        ]


@given(st.text(max_size=30))
@settings(deadline=None)
def test_any_text_is_a_bitmap_or_told(text: str) -> None:
    try:
        marked_fields([text], Layout(("ChangeEventHeader", "Email")))
    except BitmapError:
        return
    assert "0x" in text
