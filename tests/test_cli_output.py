# ruff: noqa: T201  # what is printed is what is tested
from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import redirect_stdout

import pytest
from rich.console import Console

from ddbevents.cli._output import handler_output, terminal


@pytest.fixture
def shown() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(shown: io.StringIO) -> Console:
    return Console(file=shown, width=80, force_terminal=False)


def test_what_is_printed_stands_behind_a_bar(console: Console, shown: io.StringIO) -> None:
    with handler_output(console):
        print("one")
        print("two", file=sys.stderr)

    assert shown.getvalue() == "│ one\n│ two\n"


def test_what_is_printed_is_passed_on_at_once(console: Console, shown: io.StringIO) -> None:
    with handler_output(console):
        print("continue? ", end="")
        at_once = shown.getvalue()

    assert at_once == "│ continue? "


def test_bytes_are_shown_as_text(console: Console, shown: io.StringIO) -> None:
    with handler_output(console):
        sys.stdout.buffer.write(b"caf\xc3\xa9 \xff\n")

    assert shown.getvalue() == "│ café �\n"


def test_an_unfinished_line_is_ended_once(console: Console, shown: io.StringIO) -> None:
    with handler_output(console) as output:
        print("one", end="")
        output.end_line()

    assert shown.getvalue() == "│ one\n"


def test_log_lines_of_info_are_shown_each_behind_a_bar(console: Console, shown: io.StringIO) -> None:
    with handler_output(console):
        logging.getLogger("shop").debug("hidden")
        logging.getLogger("shop").info("two\nlines")

    assert shown.getvalue() == "│ INFO shop: two\n│ lines\n"


def test_an_app_that_configures_logging_is_not_heard_twice(console: Console, shown: io.StringIO) -> None:
    with handler_output(console):
        logging.basicConfig(level="DEBUG", format="again")
        logging.getLogger("shop").info("once")

    assert shown.getvalue() == "│ INFO shop: once\n"


def test_an_app_chooses_its_level(console: Console, shown: io.StringIO) -> None:
    with handler_output(console):
        logging.getLogger().setLevel("DEBUG")
        logging.getLogger("shop").debug("detail")

    assert shown.getvalue() == "│ DEBUG shop: detail\n"


def test_failures_that_the_table_shows_are_not_logged_as_well(console: Console, shown: io.StringIO) -> None:
    with handler_output(console):
        logging.getLogger("ddbevents").error("record 1 failed")
        logging.getLogger("ddbevents").info("news")

    assert shown.getvalue() == "│ INFO ddbevents: news\n"


def test_failures_that_the_table_does_not_show_are_logged(console: Console, shown: io.StringIO) -> None:
    with handler_output(console):
        logging.getLogger("ddbevents").error("a callback of on_report failed: %s", "ValueError")

    assert shown.getvalue() == "│ ERROR ddbevents: a callback of on_report failed: ValueError\n"


def test_afterwards_all_is_as_before(console: Console) -> None:
    before = (sys.stdout, sys.stderr, logging.getLogger().level, [*logging.getLogger().handlers])

    with handler_output(console):
        logging.getLogger().setLevel("DEBUG")

    assert before == (sys.stdout, sys.stderr, logging.getLogger().level, logging.getLogger().handlers)


def test_a_stream_that_an_app_keeps_may_outlive_the_other() -> None:
    file = io.StringIO()
    with handler_output(Console(file=file)):
        kept = sys.stdout
    file.close()

    kept.flush()

    assert file.closed


def test_handlers_see_the_terminal_behind_the_bar() -> None:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as file, handler_output(Console(file=file)):
        assert sys.stdout.fileno() == file.fileno()
        assert sys.stdout.isatty() == file.isatty()
        assert sys.stdout.encoding == "utf-8"


def test_what_cannot_be_encoded_is_shown_as_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)  # as set by some CI
    content = io.BytesIO()
    file = io.TextIOWrapper(content, encoding="ascii", write_through=True)

    with redirect_stdout(file):
        console = terminal()
        with handler_output(console):
            print("café \ud800")

    assert content.getvalue() == b"| caf\\xe9 \\ud800\n"


def test_any_file_can_stand_for_the_terminal(shown: io.StringIO) -> None:
    with redirect_stdout(shown):
        terminal().print("shown")

    assert shown.getvalue() == "shown\n"
