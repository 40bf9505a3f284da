"""The CSV of Bulk API 2.0: its delimiters and line endings, and reading and writing it.

Source: docs/salesforce.md §5.1; "LineEnding is invalid on user data" and "Field name not found" as
quoted in several public repositories (gh:msrivastav13/node-sf-bulk2#17 among them).
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from local_org.api_error import ApiError

DELIMITERS = {
    "COMMA": ",",
    "TAB": "\t",
    "SEMICOLON": ";",
    "PIPE": "|",
    "CARET": "^",
    "BACKQUOTE": "`",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
_MAX_COLUMNS = 5_000
_MAX_CELL = 131_072
csv.field_size_limit(max(csv.field_size_limit(), 2**24))


class BadBatch(Exception):
    """What is wrong with a whole file: the job fails, no row is touched."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a job's CSV is written.

    Args:
        delimiter: a key of ``DELIMITERS``.
        line_ending: a key of ``LINE_ENDINGS``.
    """

    delimiter: str = "COMMA"
    line_ending: str = "LF"

    @classmethod
    def of(cls, delimiter: object, line_ending: object) -> "Dialect":
        """The dialect a job asks for.

        Raises:
            ApiError: where there is no such delimiter or line ending.
        """
        delimiter, line_ending = delimiter or "COMMA", line_ending or "LF"
        if delimiter not in DELIMITERS:
            raise ApiError("INVALIDJOB", f"InvalidJob : Unsupported column delimiter: {delimiter}")
        if line_ending not in LINE_ENDINGS:
            raise ApiError("INVALIDJOB", f"InvalidJob : Unsupported line ending: {line_ending}")
        return cls(str(delimiter), str(line_ending))

    def read(self, content: bytes) -> Iterator[list[str]]:
        """The file's rows, the header first; nothing is read ahead.

        Raises:
            BadBatch: where it is not UTF-8, ends its lines otherwise than the job says, or is no
                CSV.
        """
        self._check_line_ending(content)
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
        try:
            for row in csv.reader(text, delimiter=DELIMITERS[self.delimiter], strict=True):
                if row:
                    _check_width(row)
                    yield row
        except UnicodeDecodeError as problem:
            raise BadBatch("ClientInputError : the data is not UTF-8") from problem
        except csv.Error as problem:
            raise BadBatch(f"InvalidBatch : cannot parse the CSV: {problem}") from problem

    def write(self, rows: Iterable[Sequence[str]]) -> bytes:
        """Rows as CSV, every value in quotes."""
        target = io.StringIO(newline="")
        csv.writer(
            target,
            delimiter=DELIMITERS[self.delimiter],
            lineterminator=LINE_ENDINGS[self.line_ending],
            quoting=csv.QUOTE_ALL,
        ).writerows(rows)
        return target.getvalue().encode()

    def _check_line_ending(self, content: bytes) -> None:
        first = content.find(b"\n")
        if first < 0:
            return
        found = "CRLF" if content[first - 1 : first] == b"\r" else "LF"
        if found != self.line_ending:
            raise BadBatch(
                "ClientInputError : LineEnding is invalid on user data. "
                f"Current LineEnding setting is {self.line_ending}"
            )


def _check_width(row: list[str]) -> None:
    if len(row) > _MAX_COLUMNS:
        raise BadBatch(f"InvalidBatch : more than {_MAX_COLUMNS} columns")
    if any(len(cell) > _MAX_CELL for cell in row):
        raise BadBatch(f"InvalidBatch : a field has more than {_MAX_CELL} characters")
