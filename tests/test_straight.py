"""The straight path gives what the general engine gives, and the comparison notices when it does not.

`DDBEVENTS_CAMPAIGNS=long` compares fifty times as many apps.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

import pytest

from ddbevents._engine import _batch  # faults are planted there
from ddbevents._engine._straight import Straight  # and are of it
from ddbevents._records import columns_of  # nobody sees which batches it takes for usual
from tests.campaigns import size
from tests.planted import load
from tests.straight_compared import differences, misread

APPS: Final = size(short=150, full=1_000, long=30_000)
BATCHES: Final = size(short=1_000, full=2_000, long=100_000)
SHARP: Final = (
    2,
    19,
    198,
    47,
    320,
    73,
    51,
    33,
    39,
    83,
    96,
    127,
    131,
    132,
    182,
    270,
    671,
)  # each fault is found by one
TRIES: Final = (*SHARP, *range(1_200))  # and one of so many still does when the apps have changed

load("ddbevents._engine", "ddbevents._routing")

# what a process has loaded after a batch, in which a handler may fail
LOADED: Final = """
import sys
from ddbevents import StreamApp
from tests.stream import batch, insert, user
from ddbevents.stores import MemoryStore

app = StreamApp(store=MemoryStore())
app.on_insert(dict)(lambda change: change.new[sys.argv[1]])
app.process(batch(insert(1, user("a")), insert(2, user("b"))))
print("ddbevents._engine._progress" in sys.modules)
"""


class Fault(NamedTuple):
    """A change to the source of a module, whose name the app then finds in another one."""

    name: str
    module: str
    before: str
    after: str


def _straight(name: str, before: str, after: str) -> Fault:
    return Fault(name, "_engine._straight", before, after)


def _tables(name: str, before: str, after: str) -> Fault:
    return Fault(name, "_routing._tables", before, after)


def _columns(name: str, before: str, after: str) -> Fault:
    return Fault(name, "_records._columns", before, after)


def _bulk(name: str, before: str, after: str) -> Fault:
    return Fault(name, "_engine._straight_bulk", before, after)


_ONCE: Final = "return tuple(by_name.values())"
FAULTS: Final = (
    _straight("the last marks are not written", "is_through and self._flush()", "is_through"),
    _straight("marks are lost at an exit", "            self._flush()\n            if", "            if"),
    _straight("earlier marks are lost at an exit", "for name in self._ran or ()]", "for name in ()]"),
    _straight("lost marks are not logged", "log_lost_marks(self._lost)", "pass"),
    _straight("the deadline is not asked", "            if is_limited:", "            if not todo:"),
    _straight("no first record is tried", "if self._has_begun and deadline", "if deadline"),
    _straight("it stops without saying so", "self._is_stopped = True\n", "pass\n"),
    _straight("a first record is tried again", "has_begun=self._has_begun", "has_begun=False"),
    _straight("a failed handler is marked", "names.index(name)], start", "names.index(name) + 1], start"),
    _straight("it hands over one record too late", "return entries[place:]", "return entries[place + 1 :]"),
    _straight("it flushes one mark too late", ">= FLUSH_SIZE", "> FLUSH_SIZE"),
    _straight("it flushes backwards", "for place, name in unwritten]", "for place, name in unwritten[::-1]]"),
    _straight("a reader reads twice", "    if read in others:", "    if not read:"),
    _straight("marks are ignored", "            if handled:", "            if not todo:"),
    _straight("all was handled now", "if was_handled else", "if not name else"),
    _straight("lost marks are not told", "progress.lose_marks(self._lost)", "pass"),
    _straight("waiting marks are not told", "progress.note_unwritten(entries[place], name)", "pass"),
    _straight("an unread store fails nothing", "progress.refuse(entries, self._unread)", "pass"),
    _straight("a failed handler runs again", "error if read is reader else None", "None"),
    _straight("useless results are not told", "if result is not None:", 'if hasattr(result, "send"):'),
    _straight("a changed record is read anew", "if change._record is not raw:  #", "if not change:  #"),
    _straight("a changed record is read by others", "    if record is raw:\n", "    if record:\n"),
    _straight("dead letters count for nothing", "letters=with_dead_letters", "letters=False"),
    _bulk("what is handled is called again", "and (name, event_ids[place]) not in self._handled", ""),
    _bulk("calls are not marked", "self._unwritten += done", "pass"),
    _bulk("the first call needs time", "if self._has_called and deadline", "if deadline"),
    _bulk("each call is the first", "self._has_called = True", "pass"),
    _bulk("the engine's call is the first", "has_called=self._has_called", "has_called=False"),
    _bulk("a failed call is made again", "changes=changes, error=failure, seconds=seconds", ""),
    _bulk("a call is too long", "start + bulk.most]", "start + bulk.most + 1]"),
    _bulk("the time is not asked", "self._settings.deadline.keep_half()", "pass"),
    _bulk("the time is asked again", "has_time=False", "has_time=True"),
    _bulk("the list is not a copy", "[*changes]", "changes"),
    _bulk("looks are forgotten", "self._seen[place] = record_of(change)", "pass"),
    _bulk("calls are not told", "outcomes[name] = Outcome.HANDLED", "outcomes[name] = Outcome.NOT_RUN"),
    _bulk("calls take no time", "self._seconds[place] += seconds / len(chunk)", "pass"),
    _tables("a second tag is ignored", " and len(attribute) == 1", ""),
    _tables("an absent attribute is taken", " or not field.required", " or field"),
    _tables("an optional attribute is not taken", " or not field.required", ""),
    _tables("unknown texts go nowhere", "others = _once(", "others = () and _once("),
    _tables("a function runs twice", _ONCE, "return (*by_name.values(), *by_name.values())"),
    _tables("handlers run backwards", _ONCE, "return tuple(by_name.values())[::-1]"),
    _tables("the wrong image decides", "item = body[place]", 'item = body.get("OldImage") or body[place]'),
    _tables("readers do not share", "if each in others), None)", "if not each), None)"),
)
MISREADINGS: Final = (
    _columns("eventIDs may be repeated", "not _are_different(event_ids)", "False"),
    _columns("numbers may be repeated", "not _are_different(numbers)", "False"),
    _columns("images are not looked at", "and not _has_images(kind, body)", "and not kind"),
    _columns("keys are not looked at", "                    read_keys(body)", "                    pass"),
    _columns("further keys are not looked at", " or len(keys) != len(names)", ""),
    _columns("any source will do", ' or raw["eventSource"] != SOURCE', ""),
    _columns("any identity will do", "if not is_text or", "if"),
    _columns("identities may be long", "if len(event_id) > LONGEST_EVENT_ID or", "if"),
    _columns("numbers may be long", " or len(number) > MOST_DIGITS", ""),
)


@pytest.fixture
def planted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    # the app has no seam there: nobody is to notice which way a batch goes
    fault: Fault = request.param
    faulty = _with(fault)
    monkeypatch.setitem(sys.modules, faulty.__name__, faulty)
    monkeypatch.setattr(_batch, "Straight", getattr(faulty, "Straight", Straight))
    return faulty


def _with(fault: Fault) -> ModuleType:
    name = f"ddbevents.{fault.module}"
    source = Path(str(import_module(name).__file__)).read_text("utf-8")
    assert source.count(fault.before) == 1
    faulty = ModuleType(name)
    faulty.__package__ = name.rpartition(".")[0]
    code = compile(source.replace(fault.before, fault.after), "planted", "exec")
    exec(code, vars(faulty))  # noqa: S102  # our own source
    return faulty


@pytest.mark.parametrize("planted", FAULTS, ids=lambda fault: fault.name, indirect=True)
@pytest.mark.usefixtures("planted")
def test_a_planted_fault_is_found() -> None:
    assert [*islice(differences(TRIES), 1)]


@pytest.mark.parametrize("fault", MISREADINGS, ids=lambda fault: fault.name)
def test_a_misreading_is_found(fault: Fault) -> None:
    assert [*islice(misread(_with(fault).columns_of, range(BATCHES)), 1)]


@pytest.mark.parametrize(("attribute", "is_general"), [("pk", "False"), ("missing", "True")])
def test_only_failures_need_the_engine(attribute: str, is_general: str) -> None:
    command = [sys.executable, "-c", LOADED, attribute]

    assert subprocess.check_output(command, text=True).strip() == is_general


@pytest.mark.timeout(10_000)
def test_both_ways_are_the_same() -> None:
    assert [*differences(range(APPS))] == []


def test_usual_batches_are_read_the_same() -> None:
    assert [*misread(columns_of, range(BATCHES))] == []
