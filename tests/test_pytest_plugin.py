"""The pytest plugin, in test runs of its own."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final, Protocol

import pytest

import pytest_ddbevents
from tests.test_imports import modules_after

pytest_plugins = ["pytester"]

SETTING: Final = """
from ddbevents import Attr, StreamApp
from ddbevents.testing import EventSourceMapping, Table, event

app = StreamApp("users")
users = Table("Users")
records = [users.insert({"pk": "u-1", "email": "ada"}), users.insert({"pk": "u-2\\x1b", "email": "grace"})]

@app.on_keys(dict)
def welcome(change):
    if change.keys["pk"] != "u-1":
        raise ValueError(change.keys)

@app.on_keys(dict)
def count(change): ...
"""

BATCH: Final = [
    "*#  kind    key         handlers                  outcome  why*",
    "*1  INSERT  pk=u-1      welcome, count            handled*",
    "*2  INSERT  pk=u-2?x1b  welcome, count (not run)  failed   ValueError at *",
]
DELIVERIES: Final = [
    "*#  seconds  shard *  records  retry  verdict  retries from *",
    "*1  0        shardId-*  2        0      partial  3*2",
    "*2  0        shardId-*  1        0      partial  3*2",
]


class Run(Protocol):
    def __call__(self, code: str) -> pytest.RunResult: ...


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a test file in this process, which is quick, with no other plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(code: str) -> pytest.RunResult:
        pytester.makepyfile(SETTING + code)
        return pytester.runpytest_inprocess("-p", "pytest_ddbevents", "-p", "no:cacheprovider")

    return run


def test_pytest_finds_the_plugin() -> None:
    [entry] = entry_points(group="pytest11", name="ddbevents")

    assert entry.load() is pytest_ddbevents


def test_the_plugin_loads_nothing() -> None:
    loaded = modules_after("import pytest_ddbevents")

    assert loaded.isdisjoint({"ddbevents", "pydantic"})


def test_other_tests_fail_as_always(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest("")
    pytester.makepyfile(test_plain="def test_plain():\n    report = [1]\n    assert report == [2]\n")

    result = pytester.runpytest_subprocess("-p", "pytest_ddbevents", "test_plain.py")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert ?1? == ?2?*"])
    assert "ddbevents:" not in result.stdout.str()


def test_the_fixtures_share_a_clock(run: Run) -> None:
    result = run("""
def test_all(ddbevents_clock, ddbevents_store, ddbevents_mapping):
    from datetime import timedelta

    mapping = ddbevents_mapping(app.with_store(ddbevents_store), batch_size=1)
    mapping.put(records[0])
    mapping.run()
    mark = "users#test_the_fixtures_share_a_clock.welcome#" + records[0]["eventID"]

    assert mapping.clock is ddbevents_clock
    assert ddbevents_store.handled([mark]) == {mark}
    ddbevents_clock.advance(timedelta(hours=49))
    assert ddbevents_store.handled([mark]) == set()
""")

    result.assert_outcomes(passed=1)


def test_a_compared_report_is_a_table(run: Run) -> None:
    result = run("""
def test_report():
    assert app.with_store(None).process(event(*records)) == None
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*<BatchReport of 2 records> == None*", *BATCH])


def test_compared_records_are_a_table(run: Run) -> None:
    result = run("""
def test_records():
    assert [*app.process(event(*records)).records] == []
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*<2 records> == *", *BATCH])


def test_an_unreadable_record_is_shown(run: Run) -> None:
    result = run("""
def test_unreadable():
    assert app.process({"Records": [records[0], {"dynamodb": {}}]}).records == ()
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*2  unreadable  * failed * InvalidRecordError:*"])


def test_an_ignored_record_has_a_reason(run: Run) -> None:
    result = run("""
def test_ignored():
    report = app.process(event(users.remove({"pk": "u-1"}), records[0]))
    other = StreamApp()
    other.on_keys(dict, where=~Attr("pk").exists())(welcome)
    assert other.process(event(*records)) == report
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*1  INSERT  pk=u-1  * ignored  welcome: where is false, which looks at pk*"]
    )


def test_a_compared_history_is_a_table(run: Run) -> None:
    result = run("""
def test_history():
    mapping = EventSourceMapping(app, retries=1)
    mapping.put(*records)
    assert mapping.run() == None
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*<History: * invocations, 1 records lost> == None*", *DELIVERIES, "*1 records discarded: Retry*"]
    )


@pytest.mark.parametrize(
    ("compared", "line"), [("discarded", "*1 records discarded: Retry*"), ("invocations", DELIVERIES[0])]
)
def test_parts_of_a_history_are_shown(run: Run, compared: str, line: str) -> None:
    result = run(f"""
def test_history():
    mapping = EventSourceMapping(app, retries=1)
    mapping.put(*records)
    history = mapping.run()
    del mapping
    assert history.{compared} == []
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([line])


def test_variables_are_shown(run: Run) -> None:
    result = run("""
def test_variables():
    mapping = EventSourceMapping(app, retries=0)
    mapping.put(*records)
    mapping.run()
    report = app.process(event(*records))
    number = 1
    assert report.handled == 2
""")

    result.assert_outcomes(failed=1)
    sections = ["*- ddbevents: mapping -*", *DELIVERIES, "*- ddbevents: report -*", *BATCH]
    result.stdout.fnmatch_lines(sections)


def test_other_values_compare_as_always(run: Run) -> None:
    result = run("""
def test_empty():
    assert app.process(event()) == ()
    assert [1] == [2]
""")

    result.assert_outcomes(failed=1)
    assert "- ddbevents: " not in result.stdout.str()


def test_a_failed_invocation_is_shown(run: Run) -> None:
    result = run("""
def test_error():
    mapping = EventSourceMapping(lambda event, context: 1 / 0, retries=0)
    mapping.put(*records)
    assert mapping.run().invocations == []
""")

    result.stdout.fnmatch_lines(["*1  0 * 2        0      failed * ZeroDivisionError at *"])


def test_broken_objects_end_no_test_run(run: Run) -> None:
    result = run("""
class Blind:
    @property
    def history(self):
        raise RuntimeError

class Mute:
    def __repr__(self):
        raise RuntimeError

def test_blind():
    blind = Blind()
    assert not blind

def test_mute():
    assert app.with_store(None).process(event(*records)) == Mute()

def test_after_them(): ...
""")

    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["*AssertionError*", *BATCH])


def test_a_failed_setup_has_no_variables(run: Run) -> None:
    result = run("""
def test_nothing(no_such_fixture): ...
""")

    result.assert_outcomes(errors=1)
    assert "ddbevents:" not in result.stdout.str()


MESSAGE = "the exception with its message: {}, or pytest --log-level=DEBUG"


def test_a_hidden_message_has_a_place(run: Run) -> None:
    result = run("""
def test_report():
    assert app.process(event(*records)).handled == 2, "compared"

def test_shown():
    report = app.process(event(*records))
    assert report.handled == 2
""")

    result.stdout.fnmatch_lines(
        ["*- ddbevents: report -*", *BATCH, MESSAGE.format("report.records?i?.error")]
    )


def test_a_failed_batch_has_its_exception(run: Run) -> None:
    result = run("""
def test_answer():
    app(event(records[1], records[0]))
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*BatchFailedError: *",
            "*- ddbevents: the error -*",
            MESSAGE.format("the attribute error of the BatchFailedError"),
        ]
    )


def test_messages_of_the_library_are_shown(run: Run) -> None:
    result = run("""
def test_answer():
    app(event({"dynamodb": {}}, records[0]))
""")

    result.assert_outcomes(failed=1)
    assert "--log-level" not in result.stdout.str()
