"""Advice at the end of a command: what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from ..._engine import Outcome, RecordReport
from ..._errors import DDBEventsError, TransactionError, UnknownKeyError
from ..._records import StreamRecord
from .._local import LETTERS_FILE, StoreOptions
from .._target import Target


def show_advice(console: Console, advice: Iterable[str]) -> None:
    """Show each piece of advice on a line."""
    for line in advice:
        console.print(Text(line), soft_wrap=True)


def advice_after_invoke(
    argument: str, options: StoreOptions, reports: Sequence[RecordReport]
) -> Iterator[str]:
    """Yield advice on unknown tables, dead letters, and runs in which nothing ran.

    Args:
        argument: The command's TARGET.
        options: Where the run kept its marks.
        reports: The reports of all records.
    """
    yield from _name_tables(options, reports)
    yield from advice_on_letters(argument, options, sum(map(number_of_letters, reports)))
    yield from _run_again(options, reports)


def advice_after_redrive(
    target: Target, options: StoreOptions, reports: Sequence[RecordReport]
) -> Iterator[str]:
    """Yield advice on handlers that have another name here, and on unknown tables."""
    yield from _load_otherwise(target, reports)
    yield from _name_tables(options, reports)


def advice_on_errors(reports: Iterable[RecordReport]) -> Iterator[str]:
    """Yield how to see the exceptions of which only the type and the place were shown."""
    if any(not _is_told(report.error) for report in reports):
        yield "to see the exceptions with their messages, which may contain item values, add --traceback"


def _is_told(error: BaseException | None) -> bool:
    """Return whether what was shown is all that there is to know of an error."""
    return error is None or (isinstance(error, DDBEventsError) and error.__cause__ is None)


def advice_on_letters(argument: str, options: StoreOptions, count: int) -> Iterator[str]:
    """Yield how to redrive dead letters, if there are any and the command has kept them.

    Args:
        argument: The command's TARGET.
        options: Where the run kept its marks.
        count: How many dead letters there are.
    """
    if count and not options.is_app:
        command = shlex.join(["ddbevents", "redrive", argument, LETTERS_FILE, *options.arguments])
        letters, them = ("1 dead letter is", "it") if count == 1 else (f"{count} dead letters are", "them")
        yield f"{letters} in {LETTERS_FILE}; redrive {them} with: {command}"


def _run_again(options: StoreOptions, reports: Sequence[RecordReport]) -> Iterator[str]:
    outcomes = {report.outcome for report in reports} - {Outcome.IGNORED}
    if Outcome.ALREADY_HANDLED not in outcomes:
        return
    delete = f" or delete {options.path}" if options.path else ""
    if outcomes == {Outcome.ALREADY_HANDLED}:
        yield f"nothing ran, since everything is already handled; to run it again, use --store memory{delete}"
    else:
        yield f"an earlier run has handled some of these; to run them again, use --store memory{delete}"


def _name_tables(options: StoreOptions, reports: Sequence[RecordReport]) -> Iterator[str]:
    if options.is_app:
        return
    for table in dict.fromkeys(filter(None, map(_table_without_key, reports))):
        example = shlex.quote(f"{table}=pk")
        yield f"name the one or two key attributes of {table}: --table {example} or --table {example},sk"


def _load_otherwise(target: Target, reports: Sequence[RecordReport]) -> Iterator[str]:
    names = dict.fromkeys(route.name for route in target.routes)
    lost = [name for name in map(_handler_of_letter, reports) if name and name not in names]
    pairs = {_argument_for(target, name, wanted): (name, wanted) for name in names for wanted in lost}
    for argument, (name, wanted) in pairs.items():
        if argument is not None:
            yield (
                f"did you mean TARGET {argument}? It loads {name} as {wanted}, the name in the dead letter."
                " Do not change that name: idempotency records contain it, and handlers could run twice"
            )


def number_of_letters(report: RecordReport) -> int:
    """Count a letter for each handler that failed, or one for a record that cannot be read."""
    outcomes = [outcome for _, outcome in report.handlers] or [report.outcome]
    return outcomes.count(Outcome.DEAD_LETTERED)


def _table_without_key(report: RecordReport) -> str | None:
    error = report.error
    if isinstance(error, TransactionError) and isinstance(error.__context__, UnknownKeyError):
        return error.table
    return None


def _handler_of_letter(report: RecordReport) -> str | None:
    letter = report.record.letter if isinstance(report.record, StreamRecord) else None
    return letter.handler if letter else None


def _argument_for(target: Target, name: str, wanted: str) -> str | None:
    """Return the TARGET that gives a handler the wanted name; None if that is another handler."""
    short = target.short_name(name)
    # a handler of another module is named after that module, however the app is loaded
    if short == name or not wanted.endswith(f".{short}"):
        return None
    return target.argument_for(wanted.removesuffix(f".{short}"))
