"""The cursor of a backfill, by which a run that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .._errors import CommandError
from .._local import FOLDER, make_folder

UNSET: Final[Mapping[str, object]] = {"--segments": 1, "--keys": None, "--as-inserts": False}
"""What the options are that a run keeps, if they are not given."""

_VERSION: Final = 1


@dataclass
class Cursor:
    """How far a run came.

    Attributes:
        run_id: The name of the run, which idempotency records are made of.
        options: The options of `UNSET`, as they were given in the beginning.
        position: Behind the latest batch that is done; None before the first one.
        outcomes: How many items had which outcome.
        version: The format's.
    """

    run_id: str
    options: dict[str, Any]
    position: dict[str, Any] | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    version: int = _VERSION

    def save(self, path: Path) -> None:
        """Write the cursor in one step.

        Raises:
            CommandError: It cannot be written.
        """
        try:
            make_folder()
            draft = path.with_suffix(".tmp")
            draft.write_text(json.dumps(vars(self)), "utf-8")
            draft.replace(path)
        except OSError as error:
            raise CommandError(
                f"{path} cannot be written, so a stopped run could not go on: {error.strerror}"
            ) from error


def cursor_file(target: str, source: str) -> Path:
    """Return the file of the runs of an app over a source."""
    name = hashlib.sha256(json.dumps([target, source]).encode()).hexdigest()[:16]
    return Path(FOLDER, f"backfill-{name}.json")


def begin(path: Path, options: Mapping[str, Any], *, resume: bool) -> Cursor | None:
    """Return the cursor of the run to go on with; None for a new run.

    Raises:
        CommandError: There is a stopped run, and --resume is not given; or there is none, and it is; or the
            options are others.
    """
    cursor = _load(path)
    if cursor is None:
        if resume:
            raise CommandError("there is no stopped run of this TARGET and SOURCE here: leave out --resume")
        return None
    handled = cursor.outcomes.total()
    if not resume:
        raise CommandError(
            f"a run of this was stopped after {handled} items: go on with --resume, or delete {path} to begin"
            " again with the first item"
        )
    for name, value in cursor.options.items():
        if options[name] not in {value, UNSET[name]}:
            raise CommandError(
                f"the stopped run had another {name}: give it again, or delete {path} to begin again with the"
                " first item"
            )
    return cursor


def _load(path: Path) -> Cursor | None:
    try:
        content = json.loads(path.read_text("utf-8"))
        cursor = Cursor(**content)
        cursor.outcomes = Counter(cursor.outcomes)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(f"{path} cannot be read: delete it to begin again with the first item") from error
    return cursor
