"""Apps that explore refuses, with the record, the handler and the error, or with the cure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any, Final

import pytest
from pydantic import BaseModel

from ddbevents import ConfigurationError, Insert, KeyChange, Reject, StoreError, StreamApp
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore
from ddbevents.testing import EventSourceMapping, MemorySink, VirtualClock, explore, insert
from tests.explored import AnyItem, MakeApp, World, adding, counted, items, keyed, naive
from tests.stream import PATIENCE

RECORDS: Final = items("a", "b", "c")
FIRST, SECOND, _ = (record["dynamodb"]["SequenceNumber"] for record in RECORDS)


class Numbered(BaseModel):
    pk: int


class Down(MemoryStore):
    def handled(self, marks: object, *, patience: timedelta = PATIENCE) -> Any:  # noqa: ARG002  # its name is the Protocol's
        raise StoreError("down")


def app_with(handle: Callable[[str], object]) -> MakeApp:
    """Return a function that makes apps with one handler, which gets the item's key."""

    def make_app(world: World) -> StreamApp:
        app = StreamApp("refused", store=world.store)

        @app.on_insert(dict)
        def send(change: Insert[AnyItem]) -> None:
            handle(change.new["pk"])

        return app

    return make_app


def fail(key: str) -> None:
    raise ValueError(f"the secret of {key}")


def fail_with_second(key: str) -> None:
    handlers: dict[str, Callable[[str], object]] = {"a": str, "b": fail, "c": str}
    handlers[key](key)


def refused(make_app: Callable[[World], Any], records: Any = RECORDS, **settings: Any) -> ConfigurationError:
    options: dict[str, Any] = {"observe": counted, "make_world": World, **settings}
    with pytest.raises(ConfigurationError) as refusal:
        explore(make_app, records, **options)
    return refusal.value


def test_record_and_handler_are_named() -> None:
    refusal = refused(app_with(fail))

    assert str(refusal).startswith(
        f"without any fault, every record must be handled: record {FIRST} failed in "
        f"{__name__}.app_with.<locals>.make_app.<locals>.send: ValueError at "
    )
    assert str(refusal).endswith(" in fail")
    assert "secret" not in str(refusal)


def test_the_handlers_error_is_the_cause() -> None:
    cause = refused(app_with(fail)).__cause__

    assert isinstance(cause, ValueError)
    assert str(cause) == "the secret of a"


def test_a_later_record_is_named() -> None:
    assert f" record {SECOND} failed in " in str(refused(app_with(fail_with_second)))


@pytest.mark.parametrize("report_failures", [True, False], ids=["reporting", "silent"])
def test_unreported_records_are_named(report_failures: bool) -> None:
    mapping = partial(EventSourceMapping, retries=0, report_failures=report_failures)

    refusal = refused(app_with(fail_with_second), make_mapping=mapping)

    assert f" record {SECOND} failed in " in str(refusal)


def test_the_failed_handler_is_named() -> None:
    def make_app(world: World) -> StreamApp:
        app = naive(world)

        @app.on_insert(dict)
        def refuse(change: Insert[AnyItem]) -> None:
            raise Reject("never")

        return app

    assert ".refuse: Reject: never" in str(refused(make_app))


def test_an_invalid_item_is_named() -> None:
    def make_app(world: World) -> StreamApp:
        app = StreamApp("numbers", store=world.store)

        @app.on_insert(Numbered)
        def number(change: Insert[Numbered]) -> None: ...

        return app

    assert f"record {FIRST}: dynamodb.NewImage.pk: " in str(refused(make_app))


def test_an_unreadable_record() -> None:
    [whole] = items("a")
    record = {**whole, "dynamodb": {**whole["dynamodb"], "Keys": None}}

    assert f"record {FIRST} failed before any handler ran: Invalid" in str(refused(naive, [record]))


def test_a_store_that_is_down() -> None:
    refusal = refused(naive, make_world=lambda: World(Down()))

    assert str(refusal).endswith(f"record {FIRST} failed before any handler ran: StoreError: down")


def test_make_app_must_return_an_app() -> None:
    def forget(world: World) -> None:
        naive(world)

    refusal = refused(forget)

    assert str(refusal).endswith(
        "the function failed: ConfigurationError: make_app must return a StreamApp, or a list of them, "
        "not NoneType"
    )


def test_an_app_that_cannot_be_made() -> None:
    def make_app(world: World) -> StreamApp:
        raise LookupError(world)

    refusal = refused(make_app)

    assert "the function failed: LookupError at " in str(refusal)
    assert isinstance(refusal.__cause__, LookupError)


def test_a_handler_that_times_out() -> None:
    clock = VirtualClock()

    refusal = refused(
        app_with(lambda _: clock.advance(timedelta(minutes=1))),
        make_mapping=partial(EventSourceMapping, clock=clock, retries=1),
    )

    assert "FunctionTimeoutError" in str(refusal)


def test_records_never_delivered() -> None:
    mapping = partial(EventSourceMapping, max_age=timedelta(minutes=1), window=timedelta(minutes=5))

    refusal = refused(naive, make_mapping=mapping)

    assert str(refusal).endswith(
        f"record {FIRST} was given up before it was delivered: see max_age of the mapping"
    )
    assert refusal.__cause__ is None


def test_an_app_without_handlers() -> None:
    refusal = refused(lambda world: StreamApp("empty", store=world.store))

    assert str(refusal) == (
        "without any fault, a handler must run: no handler of the app matches any of the records"
    )


def test_make_app_must_return_some_app() -> None:
    assert str(refused(lambda _: [])).endswith(
        "make_app must return a StreamApp, or a list of them, and the list is empty"
    )
    assert "not dict" in str(refused(lambda world: [naive(world), {}]))


def test_make_app_must_return_as_many_apps() -> None:
    made = [2]

    def make_apps(world: World) -> list[StreamApp]:
        return [adding(world)] * (made.pop() if made else 1)

    assert "make_app must return as many apps each time: 1 are too few" in str(refused(make_apps))


def test_a_failure_of_the_second_app() -> None:
    def make_apps(world: World) -> list[StreamApp]:
        return [naive(world), app_with(fail)(world)]

    assert f"record {FIRST} failed in {__name__}.app_with" in str(refused(make_apps))


def test_dead_lettered_records() -> None:
    def make_app(world: World) -> StreamApp:
        app = StreamApp("numbers", store=world.store, dead_letter=DeadLetters(MemorySink()))

        @app.on_insert(Numbered)
        def number(change: Insert[Numbered]) -> None: ...

        return app

    refusal = refused(make_app)

    assert f"a handler must run: record {FIRST} was dead-lettered in " in str(refusal)
    assert str(refusal.__cause__) in str(refusal)


def test_already_handled_records() -> None:
    world = World()
    keyed(world)({"Records": RECORDS})

    refusal = refused(keyed, make_world=lambda: world)

    assert str(refusal).endswith("the records were handled already, so make_world does not make a new world")


@pytest.mark.parametrize(
    ("records", "filters"), [([], None), (RECORDS, [{"eventName": ["REMOVE"]}])], ids=["none", "filtered"]
)
def test_no_records_are_refused(records: Any, filters: Any) -> None:
    refusal = refused(naive, records, make_mapping=partial(EventSourceMapping, filters=filters))

    assert str(refusal).endswith("there are no records, or the filters of the mapping let none through")


def test_a_flaky_handler_can_be_explored() -> None:
    failures = [ValueError()]

    def flaky(change: KeyChange[AnyItem]) -> None:
        if failures:
            raise failures.pop()

    def make_app(world: World) -> StreamApp:
        app = StreamApp("flaky", store=world.store)
        app.on_keys(dict)(flaky)
        return app

    assert explore(make_app, RECORDS, observe=counted, make_world=World, schedules=0)


def test_effects_must_be_repeatable() -> None:
    world, numbers = World(), count()

    assert "make_world must make a new world each time" in str(
        refused(adding, observe=lambda _: next(numbers))
    )
    assert "make_world must make a new world each time" in str(
        refused(naive, make_world=lambda: World(world.store))
    )


@pytest.mark.parametrize(
    ("observe", "kind"),
    [
        (lambda world: world.store, "MemoryStore"),
        (lambda _: threading.Lock(), "lock"),
        (lambda world: (each for each in world.counted), "generator"),
        (lambda _: object(), "object"),
    ],
    ids=["store", "lock", "generator", "object"],
)
def test_effects_must_be_comparable(observe: Callable[[World], object], kind: str) -> None:
    refusal = refused(naive, observe=observe)

    assert str(refusal) == (
        f"observe returned a {kind}, which cannot be copied and compared: return plain values instead, for "
        "example a dict of the items"
    )


def test_the_copy_error_is_the_cause() -> None:
    assert isinstance(refused(naive, observe=lambda world: world.store).__cause__, TypeError)


def test_observe_must_return_something() -> None:
    refusal = refused(naive, observe=lambda world: world.counted.clear())

    assert str(refusal) == "observe returned None: return the effects, or no fault can be noticed"


def test_the_given_app_is_not_changed() -> None:
    reports: list[object] = []
    app = StreamApp("reports")
    app.on_keys(dict)(lambda change: None)
    app.on_report(reports.append)

    explore(lambda _: app, RECORDS, observe=lambda _: 0, make_world=World, schedules=0)
    reports.clear()
    app({"Records": RECORDS})

    assert len(reports) == 1


def test_an_app_is_no_way_to_make_one() -> None:
    app: Any = StreamApp(store=MemoryStore())

    with pytest.raises(ConfigurationError, match=r"pass app\.with_store, not app"):
        explore(app, [insert({"pk": "a"})], observe=lambda store: store.items("t"))
