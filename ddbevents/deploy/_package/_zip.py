"""A zip that is the same to the byte whenever and wherever it is made of the same files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)  # that a zip can say
_UNIX: Final = 3
_READABLE: Final = 0o100644 << 16  # a file that everyone may read, as Lambda needs it


def write_zip(files: Mapping[str, Path], output: Path) -> None:
    """Write a zip of files, by their names in it."""
    with ZipFile(output, "w") as archive:
        for name in sorted(files):
            entry = ZipInfo(name, _EARLIEST)
            entry.compress_type = ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = _READABLE
            archive.writestr(entry, files[name].read_bytes(), compresslevel=9)
