"""Dead letters in a file, one on each line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ...dead_letters._lines import read_lines, remove_lines
from ._source import Handle, StoredLetter, batches_of, decode_letter

_REMOVED_AT_ONCE: Final = 100  # since each removal rewrites the file


class FileSource:
    """A file; the handle of a dead letter is its line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = read_lines(path)
        self._removed: list[bytes] = []

    @property
    def total(self) -> int:
        return len(self._lines)

    @property
    def remarks(self) -> Sequence[str]:
        return ()

    def batches(self) -> Iterator[Sequence[StoredLetter]]:
        for batch in batches_of(self._lines):
            yield [StoredLetter(decode_letter(line), line) for line in batch]

    def remove(self, handles: Sequence[Handle]) -> int:
        self._removed += handles
        if len(self._removed) >= _REMOVED_AT_ONCE:
            self.release()
        return len(handles)

    def release(self) -> None:
        """Rewrite the file without the removed lines."""
        removed, self._removed = self._removed, []
        if removed:
            remove_lines(self._path, removed)
