"""Lines and CSV rows: whatever the bytes, each good line comes out once, with its number."""

from __future__ import annotations

import csv
import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfsync.errors import InputError
from sfsync.intake.lines import MAX_LINE_BYTES, Line, Row, read_lines, read_rows
from sfsync.model.arrival import Unreadable


class Dribble(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self._size = size

    def read1(self, _size: int | None = -1, /) -> bytes:
        return super().read(self._size)


def lines(content: bytes, size: int = 1 << 16) -> list[tuple[int, str]]:
    return [
        (line.number, line.text)
        for line in read_lines(Dribble(content, size))
        if isinstance(line, Line)
    ]


def rows(text: str, delimiter: str = ",") -> list[list[str] | str]:
    found = read_rows(read_lines(io.BytesIO(text.encode())), delimiter)
    return [row.cells if isinstance(row, Row) else f"{row.line} {row.reason}" for row in found]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"))), st.data())
def test_lines_do_not_depend_on_how_the_bytes_arrive(texts: list[str], data: st.DataObject) -> None:
    ends = [data.draw(st.sampled_from(["\n", "\r\n"])) for _ in texts]
    content = (
        "".join(text + end for text, end in zip(texts, ends, strict=True))
        .encode()
        .removeprefix(b"\xef\xbb\xbf")
    )
    if content[:2] in {b"PK", b"SQ", b"%P"}:
        return
    expected = [
        (number, text)
        for number, text in enumerate(content.decode().replace("\r\n", "\n").split("\n")[:-1], 1)
    ]
    assert lines(content, data.draw(st.integers(1, 9))) == expected
    assert lines(content) == expected


def test_a_lone_carriage_return_ends_a_line_too() -> None:
    assert lines(b"a\rb\r\nc\n\nd", 1) == [(1, "a"), (2, "b"), (3, "c"), (4, ""), (5, "d")]


def test_only_the_last_line_may_be_open() -> None:
    assert [line.ended for line in read_lines(io.BytesIO(b"a\nb"))] == [True, False]


@pytest.mark.parametrize("size", [1 << 10, 1 << 20])
def test_a_line_that_is_too_long_is_passed_over_without_being_held(size: int) -> None:
    long = b"x" * (3 * MAX_LINE_BYTES)
    found = list(read_lines(Dribble(b"a\n" + long + b"\nb\n" + long + b"\r\nc\n" + long, size)))
    assert [line.number if isinstance(line, Line) else -line.line for line in found] == [
        1,
        -2,
        3,
        -4,
        5,
        -6,
    ]
    told = [line for line in found if isinstance(line, Unreadable)]
    assert {line.reason for line in told} == {"longer than 1024 KiB, which no line of this kind is"}
    assert all(len(line.raw) == 200 for line in told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"caf\xe9", "is not UTF-8 at character 4 (Latin-1?); save the file as UTF-8"),
        (b"a\x00b", "holds a NUL character; is this a text file?"),
    ],
)
def test_a_line_that_is_no_text_is_told_and_the_next_is_fine(content: bytes, told: str) -> None:
    found = list(read_lines(io.BytesIO(b"a\n" + content + b"\nb\n")))
    assert [line.text for line in found if isinstance(line, Line)] == ["a", "b"]
    assert str(found[1]) == f"line 2: {told}"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,b".encode("utf-16"), "this is UTF-16; save the file as UTF-8"),
        (b"\x1f\x8b\x08\x00", "this is a gzip file; unpack it first: gunzip -c FILE | sfsync … -"),
        (b"PK\x03\x04rest", "this is a zip archive or a spreadsheet; export it as CSV first"),
        (b"SQLite format 3\x00", "this is an SQLite database, not a text file"),
        (b"%PDF-1.7", "this is a PDF, not a text file"),
    ],
)
def test_a_file_of_another_kind_is_told_at_once(content: bytes, told: str) -> None:
    for size in (1, 100):
        with pytest.raises(InputError) as caught:
            list(read_lines(Dribble(content, size)))
        assert caught.value.message == told


def test_a_byte_order_mark_is_dropped() -> None:
    assert lines(b"\xef\xbb\xbfa\n", 1) == [(1, "a")]
    assert lines(b"\xef\xbb\xbf") == []
    assert lines(b"") == []


CELLS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8),
    min_size=2,
    max_size=4,
)


@settings(deadline=None)
@given(st.lists(CELLS, max_size=5))
def test_what_a_csv_writer_writes_is_read_back(table: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(table)
    assert rows(text.getvalue()) == table


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('a,"b\nc",d\ne', [["a", "b\nc", "d"], ["e"]]),
        ('a,"b\r\n""c""\n",d', [["a", 'b\n"c"\n', "d"]]),
        ('5" pipe,b\nc', [['5" pipe', "b"], ["c"]]),
        ("a\n\n   \nb", [["a"], ["b"]]),
        ('"a",""\n', [["a", ""]]),
        ('a,"b\nc\nd', ["1 a quote is opened here and never closed", ["c"], ["d"]]),
        ('a,"b\nc\n"d"\ne', ["1 a quote is opened here and never closed", ["c"], ["d"], ["e"]]),
        ('a,"b"c\nd', ["1 something follows a closing quote; a quote inside a quoted value is written twice", ["d"]]),
        ('a,"b\n\x00\nc', ["1 a quote is opened here and never closed", "2 holds a NUL character; is this a text file?",
                           ["c"]]),
    ],
)  # fmt: skip
def test_quotes(text: str, found: list[object]) -> None:
    assert rows(text) == found


def test_a_forgotten_quote_costs_one_line_of_a_long_file() -> None:
    found = rows('a,"b\n' + "c,d\n" * 5000)
    assert found[0] == "1 a quote is opened here and never closed"
    assert found[1:] == [["c", "d"]] * 5000


@settings(deadline=None)
@given(st.text('ab",\n', max_size=60))
def test_no_quoting_loses_a_line(text: str) -> None:
    found = list(read_rows(read_lines(io.BytesIO(text.encode())), ","))
    numbers = [item.number if isinstance(item, Row) else item.line for item in found]
    assert numbers == sorted(set(numbers))
    covered = "\n".join(item.raw for item in found)
    assert sorted(covered.replace("\n", "")) == sorted(text.replace("\n", ""))


def test_memory_does_not_grow_with_the_file() -> None:
    class Endless(io.RawIOBase):
        left = 1_000_000

        def readable(self) -> bool:
            return True

        def read1(self, size: int) -> bytes:
            chunk = (b"some,cells,of,a,row\n" * 1000)[: min(size, self.left)]
            self.left -= len(chunk)
            return chunk

    tracemalloc.start()
    count = sum(1 for _ in read_rows(read_lines(Endless()), ","))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count >= 45_000
    assert peak < 1_500_000
