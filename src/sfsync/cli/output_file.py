"""Files that a person names for a command to write.

A regular file is replaced as a whole, once all is written. What is no regular file (``/dev/stdout``, a FIFO, a device)
is written to and stays what it is. A symbolic link to a file is not followed: in a folder where others may write,
somebody could have put it there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import IO

from sfsync.errors import UsageError


@contextmanager
def output_file(path: Path, *, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """A file to write to; it has its name only after the block, and not where the block fails.

    Args:
        mode: of the file, whatever was there before. For its owner alone by default: most of what is
            written holds people's data.

    Raises:
        UsageError: it cannot be written, or is a symbolic link.
    """
    try:
        if _is_stream(path):
            with open(os.open(path, os.O_WRONLY), "wb") as stream:  # noqa: PTH123
                yield stream
            return
        with _replaced(path, mode) as file:
            yield file
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _is_stream(path: Path) -> bool:
    """Whether there is something other than a file.

    Raises:
        UsageError: there is a symbolic link to a file.
    """
    try:
        named = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISLNK(named):
        return not stat.S_ISREG(named)
    folder = path.parent.resolve()
    if any(at.is_relative_to("/proc") for at in (folder, folder / path.readlink())):
        return True  # /dev/stdout, /dev/fd/3: an open stream of this process, whatever that is
    target = path.resolve()
    if target.exists() and not target.is_file():
        return True
    raise UsageError(
        f"{path} is a symbolic link to {target}, and is not followed",
        hint=f"Name {target} itself, or remove the link.",
    )


@contextmanager
def _replaced(path: Path, mode: int) -> Iterator[IO[bytes]]:
    # a name that nobody can know beforehand, so nobody can have put a link there
    handle, name = mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123
            os.fchmod(file.fileno(), mode)
            yield file
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
