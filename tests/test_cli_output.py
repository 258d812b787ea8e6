"""The output of handlers, printed or logged, as commands show it."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from textwrap import indent

import pytest

from tests.command_line import command, content, current_folder, lines, run_main, text_file
from tests.stream import batch, insert, user

APP = """
import logging
import sys

from ddbevents import StreamApp

app = StreamApp()
seen = {}


@app.on_report
def fail_after_report(report):
    if "report" in seen:
        raise ValueError


@app.on_insert(dict)
def handle(change):
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with current_folder(tmp_path, monkeypatch):
        Path("event.json").write_text(json.dumps(batch(insert(1, user("ada")))), "utf-8")
        yield tmp_path


def write_handler(body: str) -> None:
    Path("shop.py").write_text(APP + indent(body, "    "), "utf-8")


def shown(body: str) -> list[str]:
    """Return the lines behind the bar, of a handler with this body."""
    write_handler(body)
    run = command("invoke")("shop.py:app", "event.json")
    return [line for line in lines(run) if line.startswith("│")]


def run_handler(body: str) -> int:
    write_handler(body)
    return run_main("invoke", "shop.py:app", "event.json")


def test_printed_lines_have_a_bar() -> None:
    assert shown("print('one')\nprint('two', file=sys.stderr)") == ["│ one", "│ two"]


def test_printed_bytes_become_text() -> None:
    assert shown(r"sys.stdout.buffer.write(b'caf\xc3\xa9 \xff\n')") == ["│ café �"]


def test_an_unfinished_line_is_ended() -> None:
    write_handler("print('one', end='')")

    run = command("invoke")("shop.py:app", "event.json")

    assert "\n│ one\n#" in run.out


def test_a_finished_line_stays() -> None:
    write_handler("print('one')")

    run = command("invoke")("shop.py:app", "event.json")

    assert "\n│ one\n#" in run.out


class Keyboard:
    """A standard input at which a user answers a prompt, and what the screen showed before."""

    def __init__(self, screen: io.StringIO) -> None:
        self.screen = screen
        self.prompt = ""

    def readline(self) -> str:
        self.prompt = self.screen.getvalue()
        return "yes\n"

    def fileno(self) -> int:
        raise io.UnsupportedOperation


def test_a_prompt_is_shown_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard = Keyboard(io.StringIO())
    monkeypatch.setattr(sys, "stdin", keyboard)  # input() reads there

    with redirect_stdout(keyboard.screen):
        code = run_handler("assert input('continue? ') == 'yes'")

    assert code == 0
    assert keyboard.prompt.endswith("│ continue? ")


def test_info_lines_are_shown() -> None:
    body = "logging.getLogger('shop').debug('hidden')\nlogging.getLogger('shop').info('two\\nlines')"

    assert shown(body) == ["│ INFO shop: two", "│ lines"]


def test_basic_config_adds_nothing() -> None:
    body = "logging.basicConfig(level='DEBUG', format='again')\nlogging.getLogger('shop').info('once')"

    assert shown(body) == ["│ INFO shop: once"]


def test_an_app_chooses_its_level() -> None:
    body = "logging.getLogger().setLevel('DEBUG')\nlogging.getLogger('shop').debug('detail')"

    assert "│ DEBUG shop: detail" in shown(body)


def test_failures_are_not_shown_twice() -> None:
    body = "logging.getLogger('ddbevents').info('news')\nraise ValueError"

    assert shown(body) == ["│ INFO ddbevents: news"]


def test_failing_callbacks_are_logged() -> None:
    [line] = shown("seen['report'] = True")

    assert line.startswith("│ ERROR ddbevents: a callback of on_report failed: ")


def test_output_is_restored() -> None:
    before = (logging.getLogger().level, [*logging.getLogger().handlers])
    out = text_file()

    with redirect_stdout(out):
        run_handler("logging.getLogger().setLevel('DEBUG')")
        after = sys.stdout

    assert after is out
    assert (logging.getLogger().level, logging.getLogger().handlers) == before


def test_a_stream_may_outlive_the_run() -> None:
    out = text_file()
    with redirect_stdout(out):
        run_handler("seen['kept'] = sys.stdout")
    out.close()

    sys.modules["shop"].seen["kept"].flush()

    assert out.closed


def test_handlers_see_the_terminal() -> None:
    main_end, terminal_end = os.openpty()

    with os.fdopen(terminal_end, "w", encoding="utf-8") as terminal, redirect_stdout(terminal):
        run_handler("seen.update(file=sys.stdout.fileno(), isatty=sys.stdout.isatty())")
    os.close(main_end)

    assert sys.modules["shop"].seen == {"file": terminal_end, "isatty": True}


def test_handlers_print_utf_8() -> None:
    assert shown("print(sys.stdout.encoding)") == ["│ utf-8"]


def test_unencodable_text_is_escaped() -> None:
    out = text_file("ascii")

    with redirect_stdout(out):
        run_handler(r"print('café \ud800')")

    assert "\n| caf\\xe9 \\ud800\n" in content(out)


def test_any_file_is_a_terminal() -> None:
    out = io.StringIO()

    with redirect_stdout(out):
        code = run_handler("print('shown')")

    assert code == 0
    assert "\n│ shown\n" in out.getvalue()
