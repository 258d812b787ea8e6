"""The folder .ddbevents, where commands keep marks and dead letters of local runs, ignored by git."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Final

from ..._engine import PATIENCE
from ..._errors import DeadLetterError
from ..._records import DeadLetter
from ...dead_letters import JsonLinesFile

FOLDER: Final = ".ddbevents"
MARKS_FILE: Final = f"{FOLDER}/marks.sqlite3"
LETTERS_FILE: Final = f"{FOLDER}/letters.jsonl"


def make_folder() -> None:
    """Make the folder, for its owner only, unless it exists.

    Raises:
        OSError: It cannot be written.
    """
    folder = Path(FOLDER)
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", "utf-8")


class LocalLetters:
    """A sink that keeps dead letters in the folder, and makes it for the first one."""

    def __init__(self) -> None:
        self._file = JsonLinesFile(LETTERS_FILE)
        self._lock = threading.Lock()

    def send(self, letter: DeadLetter, *, patience: timedelta = PATIENCE) -> None:
        """Append a dead letter.

        Raises:
            DeadLetterError: The file cannot be written, or this system cannot lock it.
        """
        with self._lock:
            self._make_folder()
        self._file.send(letter, patience=patience)

    def _make_folder(self) -> None:
        try:
            make_folder()
        except OSError as error:
            raise DeadLetterError(f"{FOLDER} cannot be written: {error.strerror}") from error
