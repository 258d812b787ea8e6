"""Dead letters as lines of a file that threads and processes share."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import sleep
from typing import Final

from .._engine import PATIENCE
from .._errors import DeadLetterError
from .._patience import TimeLeft
from .._records import DeadLetter
from .._records._letter_json import letter_to_json
from ._file_locks import file_lock, is_at

_PAUSE_SECONDS: Final = 0.01
_PATIENCE_OF_REDRIVE: Final = timedelta(seconds=30)


class JsonLinesFile:
    """Appends each dead letter to a file as a line of JSON. For tests and local runs.

    Threads and processes may share the file. It is locked with `flock`, which Windows does not have.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Name the file. The first letter creates it, for its owner only, since it holds whole items."""
        self._path = Path(path)

    def send(self, letter: DeadLetter, *, patience: timedelta = PATIENCE) -> None:
        """Append a letter, and return when it is on the disk.

        Raises:
            DeadLetterError: The file cannot be written, or others kept it locked for longer than `patience`.
        """
        line = letter_to_json(letter).encode() + b"\n"
        with _errors_explained(self._path), _locked(self._path, patience) as file:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line  # a process died while it wrote the line before
            with open(file, "ab", closefd=False) as appended:
                appended.write(line)
            os.fsync(file)


def read_lines(path: Path) -> Sequence[bytes]:
    """Return the lines of a file that are not empty.

    Raises:
        DeadLetterError: The file cannot be read.
    """
    with _errors_explained(path):
        return [line for line in path.read_bytes().split(b"\n") if line.strip()]


def remove_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Remove lines from a file in one step, each as often as it is given; lines that others append stay.

    Raises:
        DeadLetterError: The file cannot be written.
    """
    with _errors_explained(path), _locked(path, _PATIENCE_OF_REDRIVE) as file:
        unwanted = Counter(lines)
        kept: list[bytes] = []
        for line in read_lines(path):
            if unwanted[line] > 0:
                unwanted[line] -= 1
            else:
                kept.append(line + b"\n")
        _replace(path, b"".join(kept), os.fstat(file).st_mode)


def _replace(path: Path, content: bytes, mode: int) -> None:
    target = path.resolve()
    with NamedTemporaryFile(dir=target.parent, prefix=f"{target.name}.", delete=False) as written:
        written.write(content)
        written.flush()
        os.fchmod(written.fileno(), mode)
        os.fsync(written.fileno())
    Path(written.name).replace(target)


@contextmanager
def _locked(path: Path, patience: timedelta) -> Generator[int]:
    time_left = TimeLeft(patience)
    try_lock = file_lock()
    if try_lock is None:
        raise DeadLetterError("a file of letters is locked with flock, which this system does not have")
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            while not try_lock(file):
                if not time_left.seconds:
                    raise DeadLetterError(f"the file {path} stayed locked: another process uses it for long")
                sleep(_PAUSE_SECONDS)
            # whoever held the lock before may have replaced the file
            if is_at(path, file):
                yield file
                return
        finally:
            os.close(file)


@contextmanager
def _errors_explained(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise DeadLetterError(f"the file {path} cannot be used: {error.strerror}") from error
