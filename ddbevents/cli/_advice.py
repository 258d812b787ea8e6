"""What to do next, seeing what came of a command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from .._engine import Outcome, RecordReport
from .._errors import TransactionError
from .._records import StreamRecord
from ._local import LETTERS
from ._store import StoreOptions
from ._target import Target


def advice_on_records(argument: str, options: StoreOptions, reports: Sequence[RecordReport]) -> Iterator[str]:
    """After `invoke`, whose TARGET was this."""
    yield from _about_tables(options, reports)
    yield from _about_letters(argument, options, reports)
    yield from _about_marks(options, reports)


def advice_on_letters(
    target: Target, options: StoreOptions, reports: Sequence[RecordReport]
) -> Iterator[str]:
    """After `redrive`."""
    yield from _about_names(target, reports)
    yield from _about_tables(options, reports)


def _about_letters(argument: str, options: StoreOptions, reports: Sequence[RecordReport]) -> Iterator[str]:
    letters = sum(map(_letters, reports))
    if letters and not options.is_of_app:
        command = shlex.join(["ddbevents", "redrive", argument, LETTERS, *options.arguments])
        they = "1 dead letter is" if letters == 1 else f"{letters} dead letters are"
        yield f"{they} in {LETTERS}; run {'it' if letters == 1 else 'them'} with: {command}"


def _about_marks(options: StoreOptions, reports: Sequence[RecordReport]) -> Iterator[str]:
    if {report.outcome for report in reports} - {Outcome.IGNORED} == {Outcome.ALREADY_HANDLED}:
        delete = f", or delete {options.path}" if options.path else ""
        yield f"nothing ran, as all is marked as handled: run it again with --store memory{delete}"


def _about_tables(options: StoreOptions, reports: Sequence[RecordReport]) -> Iterator[str]:
    if options.is_of_app:
        return
    for table in dict.fromkeys(filter(None, map(_table_without_key, reports))):
        example = shlex.quote(f"{table}=pk")
        yield f"name the key attributes of {table}, one or two: --table {example} or --table {example},sk"


def _about_names(target: Target, reports: Sequence[RecordReport]) -> Iterator[str]:
    names = dict.fromkeys(route.name for route in target.routes)
    lost = [name for name in map(_handler_of_letter, reports) if name and name not in names]
    renamed = {_target_for(target, name, wanted): (name, wanted) for name in names for wanted in lost}
    for other, (name, wanted) in renamed.items():
        if other is not None:
            yield (
                f"did you mean TARGET {other}? There {name} is {wanted}, as in the letter:"
                " with a new name in the letter its marks are others, and what is done may be done twice"
            )


def _letters(report: RecordReport) -> int:
    """Each handler that failed puts a letter aside; for a record that cannot be read there is one."""
    outcomes = [outcome for _, outcome in report.handlers] or [report.outcome]
    return outcomes.count(Outcome.DEAD_LETTERED)


def _table_without_key(report: RecordReport) -> str | None:
    error = report.error
    if isinstance(error, TransactionError) and "the table's key is not known" in str(error):
        return error.table
    return None


def _handler_of_letter(report: RecordReport) -> str | None:
    letter = report.record.letter if isinstance(report.record, StreamRecord) else None
    return letter.handler if letter else None


def _target_for(target: Target, name: str, wanted: str) -> str | None:
    """TARGET with which a handler has the wanted name; None if it is another handler."""
    own = target.shorten(name)
    # one of another module has that one's name, however the app is loaded
    if own == name or not wanted.endswith(f".{own}"):
        return None
    return target.named(wanted.removesuffix(f".{own}"))
