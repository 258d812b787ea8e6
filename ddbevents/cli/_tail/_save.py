"""--save: a file for each record, with an event as Lambda sends it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ..._records import StreamRecord
from .._errors import CommandError


class EventFiles:
    """Writes event files into a folder, readable for their owner only.

    Attributes:
        count: How many were written.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folder unless it exists.

        Raises:
            CommandError: It cannot be made.
        """
        self.count = 0
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"--save {folder}: the folder cannot be made: {error.strerror}") from error

    def save(self, record: StreamRecord) -> None:
        """Write a record, in place of what an earlier run wrote of it.

        Raises:
            CommandError: The file cannot be written.
        """
        # sorted by name, the files are in stream order
        path = self.folder / f"{record.sequence_number:0>40}-{record.kind.lower()}.json"
        try:
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(json.dumps({"Records": [record.raw]}, indent=2, ensure_ascii=False) + "\n")
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}") from error
        self.count += 1
