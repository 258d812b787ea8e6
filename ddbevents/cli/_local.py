"""The folder .ddbevents, in which commands keep what outlasts them; it hides from git."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from .._errors import DeadLetterError
from .._records import DeadLetter
from ..dead_letters._lines import JsonLinesFile

FOLDER: Final = ".ddbevents"
MARKS: Final = f"{FOLDER}/marks.sqlite3"
LETTERS: Final = f"{FOLDER}/letters.jsonl"


def make_folder() -> None:
    """Make the folder, if it is not there.

    Raises:
        OSError: It cannot be written.
    """
    folder = Path(FOLDER)
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n", "utf-8")


class LocalFile:
    """A sink in the folder, which is made with the first letter."""

    def __init__(self) -> None:
        self._file = JsonLinesFile(LETTERS)
        self._lock = threading.Lock()

    def send(self, letter: DeadLetter) -> None:
        """Append a letter.

        Raises:
            DeadLetterError: The file cannot be written, or this system has no locks for it.
        """
        with self._lock:
            self._make_folder()
        self._file.send(letter)

    def _make_folder(self) -> None:
        try:
            make_folder()
        except OSError as error:
            raise DeadLetterError(f"{FOLDER} cannot be written: {error.strerror}") from error
