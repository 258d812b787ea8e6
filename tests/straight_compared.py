"""Random apps, batches and faults, run once on the straight path and once by the general engine, for tests.

A seed gives an app, a batch, a store with its faults, the time that is left and what each handler does. What
can be seen of its deliveries is written down line by line, in the order in which it happens.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import count, islice, zip_longest
from random import Random
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, Field, create_model
from typing_extensions import TypedDict, override

from ddbevents import (
    Attr,
    BatchReport,
    DDBEventsError,
    DeadLetterError,
    PartialFailure,
    RecordReport,
    Reject,
    Router,
    StoreError,
    StreamApp,
    StreamRecord,
    parse_event,
)
from ddbevents._records import Columns  # what the straight path makes of a batch, which nobody else sees
from ddbevents.dead_letters import DeadLetter, DeadLetters
from tests.stream import Json, batch, insert, modify, remove

Handler: TypeAlias = Callable[[Any], Any]
Twist: TypeAlias = Callable[[Json], Any]
"""Returns a record with something unusual in it."""

_runs: Final = count()  # part of the handlers' names, since the library remembers who returned a value
_STOPS: Final = (SystemExit, KeyboardInterrupt, asyncio.CancelledError, SystemExit)


class Plain(BaseModel):
    n: int
    note: str = ""


class Key(BaseModel):
    pk: str


class Noted(TypedDict):
    n: int


class Numbered(BaseModel):
    kind: Literal["e0"]
    n: Literal[1, 2]


class Aliased(BaseModel):
    form: Literal["e1", "e2"] = Field("e1", alias="kind")


class Counted(BaseModel):
    n: Literal[1, 2, 3]


class Named(BaseModel):
    pk: Literal["a", "b"]


class Lenient(BaseModel):
    kind: Literal["e3", "e4"] = "e3"
    n: int = 0


def _entity(name: str) -> type[BaseModel]:
    kind: Any = Literal[name]
    return create_model(f"Entity {name}", kind=(kind, ...), n=(int, ...))


ENTITIES: Final = [_entity(f"e{number}") for number in range(10)]
_ENTITY: Final = ENTITIES[0]


class Way(NamedTuple):
    """A way to register a handler."""

    how: str
    model: type[Any] | None
    parts: Json = {}  # noqa: RUF012  # read only
    table: str | None = None

    def register(self, app: StreamApp, handler: Handler, bulk: Json | None = None) -> None:
        router = Router(table=self.table)
        models = () if self.model is None else (self.model,)
        decorators = router if bulk is None else router.bulk(**bulk)
        getattr(decorators, self.how)(*models, **self.parts)(handler)
        app.include(router)


def _on(how: str, model: type[Any] | None, **parts: Any) -> Way:
    return Way(how, model, parts)


SIMPLE: Final[Sequence[Way]] = (
    _on("on_insert", Plain),
    _on("on_modify", Plain),
    _on("on_modify", Plain, old=dict),
    _on("on_remove", Plain),
    _on("on_upsert", Plain),
    _on("on_previous", Plain),
    _on("on_change", Plain),
    _on("on_change", dict),
    _on("on_keys", dict),
    _on("on_record", None),
)
BY_LITERAL: Final[Sequence[Way]] = (
    *[_on("on_change", model) for model in ENTITIES],
    *[_on("on_upsert", model) for model in ENTITIES[:3]],
    *[_on("on_remove", model) for model in ENTITIES[:2]],
    *[_on("on_previous", model) for model in ENTITIES[2:4]],
    *[_on("on_change", Lenient)] * 3,
    *[_on("on_change", Aliased)] * 3,
)
ANY: Final[Sequence[Way]] = (
    *SIMPLE,
    *BY_LITERAL,
    _on("on_keys", Key),
    _on("on_record", None, kinds="REMOVE"),
    _on("on_record", None, where=Attr("n").gt(2)),
    _on("on_keys", Named),
    _on("on_keys", Named, kinds=("INSERT", "REMOVE")),
    _on("on_keys", Key, kinds="REMOVE", expired=True),
    _on("on_keys", dict, where=Attr("pk").eq("a")),
    _on("on_insert", Noted),
    _on("on_insert", Plain, where=Attr("n").gt(2)),
    _on("on_modify", Plain, changed="n"),
    _on("on_modify", _ENTITY, old=Plain),
    _on("on_remove", Plain, expired=True),
    _on("on_remove", Plain, expired=False),
    _on("on_change", Numbered),
    _on("on_change", Counted),
    Way("on_change", Plain, table="Users"),
    Way("on_upsert", ENTITIES[1], table="Orders"),
)


def _with(**parts: Any) -> Twist:
    """Return what replaces fields of a record."""
    return lambda record: {**record, **parts}


def _with_body(**parts: Any) -> Twist:
    """Return what replaces fields of its `dynamodb` object, with copies that handlers may spoil."""
    return lambda record: {**record, "dynamodb": {**record["dynamodb"], **deepcopy(parts)}}


def _without(part: str) -> Twist:
    return lambda record: {**record, "dynamodb": _left_of(record["dynamodb"], part)}


def _with_attribute(name: str, attribute: Any) -> Twist:
    """Return what replaces an attribute of all images."""
    return lambda record: _with_images(record, lambda image: {**image, name: attribute})


def _without_attribute(name: str) -> Twist:
    return lambda record: _with_images(record, lambda image: _left_of(image, name))


def _with_images(record: Json, change: Callable[[Json], Json]) -> Any:
    body = record["dynamodb"]
    images = {name: change(body[name]) for name in ("NewImage", "OldImage") if name in body}
    return _with_body(**images)(record)


def _left_of(whole: Json, part: str) -> Json:
    return {name: value for name, value in whole.items() if name != part}


def _of_orders(record: Json) -> Json:
    return {**record, "eventSourceARN": record["eventSourceARN"].replace("Users", "Orders")}


_EXPIRY: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
LITERALS: Final[Sequence[Twist]] = (
    *[_with_attribute("kind", {"S": kind, "N": "1"}) for kind in ("e0", "e1", "e2", "e3")],
    *[
        _with_attribute("kind", attribute)
        for attribute in ({"S": 1}, {"S": None}, {"N": "1"}, {"NULL": True}, {}, "S", None, ["S"])
    ],
    *[_without_attribute("kind")] * 4,
)
ATTRIBUTES: Final[Sequence[Twist]] = (
    *[
        _with_attribute("n", attribute)
        for attribute in ({"N": "1", "S": "1"}, {"S": "1"}, {"N": "one"}, {"N": 1}, {}, 7)
    ],
    _with_attribute("other", {"S": "a", "N": "1"}),
    _without_attribute("n"),
)
_KEYS: Final[Sequence[object]] = (
    None,
    {},
    [],
    {"pk": {}},
    {"pk": {"S": 1}},
    {"pk": {"N": "5"}},
    {"pk": {"N": "x"}},
    {"pk": {"B": "AQ=="}},
    {"pk": {"B": "!"}},
    {"pk": {"S": "a", "N": "1"}},
    {"pk": {"BOOL": True}},
    {"pk": "a"},
    {"other": {"S": "a"}},
    {"pk": {"S": "a"}, "more": {"S": "b"}},
    {"pk": {"S": "a"}, "more": {"S": 1}},
)
_KINDS: Final = (None, "UPSERT", "insert", ["INSERT"])
_EVENT_IDS: Final = (None, "", "a-b", "a" * 129, "ü", "a b", "a\n", 7, ["a"], "x" * 128)
_NUMBERS: Final = (None, "", "1a", "\N{ARABIC-INDIC DIGIT THREE}", "1" * 65, "9" * 64, "007", "1 ", 7, ["7"])
_IMAGES: Final[Sequence[object]] = (None, {}, [], "image", {"n": {"N": "1"}})
_VIEWS: Final = (None, "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "ALL", ["KEYS_ONLY"])
KEYS: Final = [_with_body(Keys=keys) for keys in _KEYS]
FIELDS: Final[Sequence[Twist]] = (
    *[_with(eventName=kind) for kind in _KINDS],
    *[_with(eventID=event_id) for event_id in _EVENT_IDS],
    *[_with_body(SequenceNumber=number) for number in _NUMBERS],
    *[_with_body(NewImage=image) for image in _IMAGES],
    *[_with_body(OldImage=image) for image in _IMAGES],
    *[_with_body(StreamViewType=view) for view in _VIEWS],
    *[_without(name) for name in ("NewImage", "OldImage", "StreamViewType", "SequenceNumber", "Keys")],
    _with(eventSource="aws:kinesis"),
    _with(eventSource=None),
    _with(eventSourceARN=None),
    _of_orders,
    _with(userIdentity=_EXPIRY),
    _with(userIdentity="nobody"),
    _with_body(ApproximateCreationDateTime="today"),
    _with(dynamodb=None),
    lambda _: None,
    lambda _: [],
    lambda _: "record",
)
TWISTS: Final = (LITERALS, LITERALS, ATTRIBUTES, KEYS, FIELDS)


def event_of(seed: str) -> Json:
    """Return a random event."""
    random = Random(seed)  # noqa: S311  # no secret
    size = random.choice((0, 1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 30, 30))
    view, keys = (
        random.choice(("NEW_AND_OLD_IMAGES",) * 5 + ("NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY")),
        _keys(random),
    )
    kinds = random.choice((("INSERT",), ("INSERT", "MODIFY", "REMOVE"), ("MODIFY",), ("REMOVE",)))
    records = [_record(random, number, random.choice(kinds), view, keys) for number in range(1, size + 1)]
    rate = random.choice((0, 0, 1, 1, 3)) / max(size, 1)
    twisted = [_twisted(random, record) if random.random() < rate else record for record in records]
    return batch(*_with_repeats(random, twisted))


def _keys(random: Random) -> Callable[[], Json]:
    texts: Callable[[], Json] = lambda: {"pk": {"S": random.choice("abcde")}}  # noqa: E731  # one of a few
    others: Sequence[Callable[[], Json]] = (
        lambda: {"pk": {"N": random.choice("12345")}},
        lambda: {"pk": {"B": random.choice(("AQ==", "Ag=="))}},
        lambda: {"pk": {"S": random.choice("abc")}, "sk": {"N": random.choice("12")}},
    )
    return random.choice((texts, texts, texts, *others))


def _record(random: Random, number: int, kind: str, view: str, keys: Callable[[], Json]) -> Json:
    key = keys()
    old, new = [{**key, **_attributes(random)} for _ in range(2)]
    made = {
        "INSERT": insert(number, new, Keys=key, StreamViewType=view),
        "MODIFY": modify(number, old, new, Keys=key, StreamViewType=view),
        "REMOVE": remove(number, old, Keys=key, StreamViewType=view),
    }[kind]
    left_out = {"NEW_IMAGE": ("OldImage",), "OLD_IMAGE": ("NewImage",), "KEYS_ONLY": ("NewImage", "OldImage")}
    for name in left_out.get(view, ()):
        made["dynamodb"].pop(name, None)
    return made


def _attributes(random: Random) -> Json:
    return {"kind": {"S": f"e{random.randrange(11)}"}, "n": {"N": str(random.randrange(1, 5))}}


def _twisted(random: Random, record: Json) -> Any:
    return random.choice(random.choice(TWISTS))(record)


def _with_repeats(random: Random, records: Sequence[Any]) -> Iterator[Any]:
    rate = random.choice((0, 0, 0, 0, 0.1))
    for record in records:
        yield record
        if random.random() < rate and isinstance(record, dict) and isinstance(record["dynamodb"], dict):
            other_id = _with(eventID=f"{record['eventID']}0")
            other_number = _with_body(SequenceNumber=f"{record['dynamodb'].get('SequenceNumber')}1")
            yield random.choice((dict, other_id, other_number))(record)


@dataclass
class Scene:
    """A run: its seed, and what was seen of it so far."""

    seed: int
    lines: list[str] = field(default_factory=list)
    number: int = field(default_factory=lambda: next(_runs))
    asked: int = 0
    has_key_handlers: bool = False
    has_dead_letters: bool = False
    items: list[object] = field(default_factory=list)

    def random(self, *what: object) -> Random:
        """Return what decides about one thing, whatever else happens before."""
        return Random(f"{self.seed} {what}")  # noqa: S311  # no secret

    def shares(self, change: Any) -> bool:
        """Return whether a handler gets an item that another one had, in a case where that is certain.

        After a dead letter the other handlers of its record may get the item anew.
        """
        [item, *_] = [getattr(change, part) for part in ("new", "old", "keys") if hasattr(change, part)]
        is_shared = any(item is earlier for earlier in self.items)
        self.items.append(item)
        return is_shared and not self.has_dead_letters

    def note(self, *what: object) -> None:
        self.lines.append(" ".join(map(str, what)))


class Store:
    """A store that writes down its calls, and fails in some of them."""

    def __init__(self, scene: Scene) -> None:
        self.marks: set[str] = set()
        self._scene = scene
        self._calls = 0
        self._faults: Collection[int] = scene.random("store").choice(((), (), (1,), (2,), (2, 3), (3, 4)))

    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:
        self._scene.note("handled", sorted(marks), patience)
        found: Any = self._fault() or self.marks & {*marks}
        return found  # type: ignore[no-any-return]  # a fault may be something else

    def add(self, marks: Collection[str], *, patience: timedelta) -> None:
        self._scene.note("add", [*marks], patience)
        if self._scene.random("lost", self._calls).random() < 0.5:
            self.marks |= {*marks}
        self._fault()
        self.marks |= {*marks}

    def _fault(self) -> object:
        self._calls += 1
        if self._calls not in self._faults:
            return None
        answer = self._scene.random("fault", self._calls).choice(
            (*[StoreError("down")] * 6, RuntimeError("mine"), KeyError("k"), SystemExit(3), "marks")
        )
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Sink:
    """A sink that writes down its letters, and refuses some."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def send(self, letter: DeadLetter, *, patience: timedelta) -> None:
        self._scene.note("letter", tuple(letter)[:6], patience)
        error = self._scene.random("letter", len(self._scene.lines)).choice(
            (None, None, None, DeadLetterError("gone"), RuntimeError("mine"))
        )
        if error is not None:
            raise error


class Context:
    """A Lambda context that answers as a script says."""

    function_name = "function"

    def __init__(self, scene: Scene, delivery: int) -> None:
        random = scene.random("context", delivery)
        self._scene = scene
        self._left = random.choice((1_000, 1_000, 1, 2, 3, 5, 8))
        self._then = random.choice((0, 0, 500, "nothing", None))

    def get_remaining_time_in_millis(self) -> Any:
        self._scene.asked += 1
        self._left -= 1
        return 60_000 if self._left >= 0 else self._then


_ALL_HOW: Final = ("fail", "reject", "stop", "return", "store", "spoil")
HOWS: Final = (_ALL_HOW, *[(how,) for how in _ALL_HOW], ("stop",))


def _act(scene: Scene, random: Random, change: Any) -> object:
    """Do what a handler does that is no good handler."""
    how = random.choice(scene.random("how").choice(HOWS))
    if how == "fail":
        raise random.choice((ValueError, KeyError, WordlessError))(str(random.random()))
    if how == "reject":
        raise Reject("no use")
    if how == "stop":
        raise random.choice(_STOPS)("stop")
    if how == "store":
        raise StoreError("the handler's own")
    if how == "spoil":
        # a key handler reads what an earlier one has left of the keys, or shares what that has read
        spoils = SPOILS if scene.has_key_handlers else (*SPOILS, *SPOILS_OF_KEYS)
        random.choice(spoils)(_record_of(change).raw)
        return None
    make: Callable[[], object] = random.choice(
        (lambda: 7, dict, lambda: iter([]), lambda: (_ for _ in ()), nothing)
    )
    return make()


class WordlessError(Exception):
    @override
    def __str__(self) -> str:
        raise ValueError


async def nothing() -> None:
    """Do nothing."""


SPOILS: Final[Sequence[Callable[[Any], object]]] = (
    lambda raw: raw["dynamodb"].pop("NewImage", None),
    lambda raw: raw["dynamodb"].pop("OldImage", None),
    lambda raw: raw["dynamodb"].update(NewImage={}),
    lambda raw: raw.update(eventID=None),
    lambda raw: raw.update(eventName="NONE"),
)
SPOILS_OF_KEYS: Final[Sequence[Callable[[Any], object]]] = (
    lambda raw: raw["dynamodb"]["Keys"].clear(),
    lambda raw: raw["dynamodb"].pop("Keys", None),
    lambda raw: raw.clear(),
)


def _handler(scene: Scene, name: str) -> Handler:
    random, calls = scene.random("handler", name), count()
    rate, looks = random.choice((0, 0, 0.05, 0.3)), random.choice((True, False))

    def handle(change: Any) -> Any:
        own = scene.random(name, next(calls))
        scene.note(name, *_seen(change, looks=looks), scene.shares(change))
        return _act(scene, own, change) if own.random() < rate else None

    async def handle_async(change: Any) -> Any:
        return handle(change)

    def hand_on(change: Any) -> Any:
        return handle_async(change)

    handler: Handler = random.choice((*[handle] * 6, handle_async, hand_on))
    handler.__qualname__ = f"run{scene.number}.{name}"
    return handler


def _bulk_handler(scene: Scene, name: str) -> Handler:
    random, calls = scene.random("handler", name), count()
    rate, looks = random.choice((0, 0, 0.1, 0.5)), random.choice((True, False))

    def handle(changes: Any) -> Any:
        own = scene.random(name, next(calls))
        for change in changes:
            scene.note(name, *_seen(change, looks=looks))
        scene.note(name, "had", len(changes))
        if own.random() >= rate:
            return None
        return _name_some(own, changes) if own.random() < 0.5 else _act(scene, own, own.choice(changes))

    async def handle_async(changes: Any) -> Any:
        return handle(changes)

    handler: Handler = random.choice((*[handle] * 6, handle_async))
    handler.__qualname__ = f"run{scene.number}.{name}"
    return handler


def _name_some(random: Random, changes: list[Any]) -> None:
    failure = PartialFailure()
    for change in changes:
        if random.random() < 0.3:
            failure.add(change, random.choice((None, ValueError("mine"), Reject("no use"))))
    if random.random() < 0.1:
        failure.add(object())
    changes.clear()
    raise failure


def _seen(change: Any, *, looks: bool) -> Iterable[object]:
    yield type(change).__name__
    yield from (repr(getattr(change, part)) for part in ("old", "new", "keys") if hasattr(change, part))
    if looks:
        yield repr(tuple(_record_of(change)))
        yield change == deepcopy(change)


def _record_of(change: Any) -> StreamRecord:
    return change if isinstance(change, StreamRecord) else change.record


def _app(scene: Scene, *, general: bool) -> StreamApp:
    random = scene.random("app")
    pool = random.choice((SIMPLE, SIMPLE, BY_LITERAL, BY_LITERAL, ANY))
    size = random.choice((1, 1, 2, 2, 3, 3, 5, 10))
    has_store = random.choice((True, True, False))
    store = Store(scene) if has_store else None
    after = random.choice((None, 1, 2, 3)) if has_store else None
    scene.has_dead_letters = after is not None
    dead_letters = None if after is None else DeadLetters(Sink(scene), after=after)
    middleware = [lambda _: nullcontext()] if general else []
    app = StreamApp("app", store=store, dead_letter=dead_letters, middleware=middleware)
    second = scene.random("bulk")
    style = second.choice(("single", "single", "bulk", "mixed"))
    handlers: dict[Handler, Json | None] = {}
    for number in range(size):
        is_bulk = style == "bulk" or (style == "mixed" and second.random() < 0.5)
        bulk = {"most": second.choice((1, 2, 3, 100)), "isolate": second.random() < 0.7}
        handler = (_bulk_handler if is_bulk else _handler)(scene, f"h{number}")
        handlers[handler] = bulk if is_bulk else None
    again = [*handlers][:1] if random.random() < 0.2 else []
    for handler in (*handlers, *again):
        way = random.choice(pool)
        way.register(app, handler, handlers[handler])
        scene.has_key_handlers |= way.how == "on_keys"
    if random.random() < 0.3:
        app.on_report(lambda report: _note_report(scene, report))
    if random.random() < 0.1:
        app.prepare()
    if store is not None and random.random() < 0.5:
        _mark_some(scene, store, handlers)
    return app


def _mark_some(scene: Scene, store: Store, handlers: Iterable[Handler]) -> None:
    random = scene.random("marks")
    for handler in handlers:
        for number in range(30):
            if random.random() < 0.2:
                suffix = random.choice(("", "", "", "#aside", "#1"))
                store.marks.add(f"app#{__name__}.{handler.__qualname__}#{number:032x}{suffix}")


def _note_report(scene: Scene, report: BatchReport) -> None:
    for record in report.records:
        scene.note(*_reported(record))
    scene.note(report.response, repr(report.failure), report.delivery, report.handlers)


def _reported(report: RecordReport) -> Iterable[object]:
    yield repr(tuple(report.record))
    yield report.outcome
    yield report.handlers
    yield type(report.error).__name__
    yield "wordless" if isinstance(report.error, WordlessError) else str(report.error)
    yield report.seconds > 0
    yield report.why_ignored


class _Notes(logging.Handler):
    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene

    @override
    def emit(self, record: logging.LogRecord) -> None:
        parts = {
            name: record.__dict__.get(name)
            for name in ("sequence_number", "handler", "error_type", "attempt")
        }
        error = record.exc_info and record.exc_info[0]
        self._scene.note(record.levelname, record.name, record.getMessage(), parts, error)


@contextmanager
def _logs_to(scene: Scene) -> Generator[None]:
    logger, notes = logging.getLogger("ddbevents"), _Notes(scene)
    level, propagate = logger.level, logger.propagate
    logger.setLevel(
        scene.random("level").choice((logging.WARNING, logging.WARNING, logging.INFO, logging.DEBUG))
    )
    logger.propagate = False
    logger.addHandler(notes)
    try:
        yield
    finally:
        logger.removeHandler(notes)
        logger.setLevel(level)
        logger.propagate = propagate


def play(seed: int, *, general: bool) -> list[str]:
    """Return what can be seen of a few deliveries, line by line."""
    scene = Scene(seed)
    app = _app(scene, general=general)
    random = scene.random("deliveries")
    with _logs_to(scene):
        for delivery in range(random.choice((1, 1, 2, 3))):
            event = event_of(f"{seed} {random.choice((0, 0, 0, delivery))}")
            context = random.choice((None, Context(scene, delivery)))
            call: Callable[..., Any] = random.choice((app, app, app.process))
            try:
                answer = call(event, context)
            except BaseException as error:  # noqa: BLE001  # whatever passes through
                scene.note("raised", type(error), error)
            else:
                if isinstance(answer, BatchReport):
                    _note_report(scene, answer)
                else:
                    scene.note("answered", answer)
            scene.note("asked", scene.asked)
    return [_normal(line, scene) for line in scene.lines]


def _normal(line: str, scene: Scene) -> str:
    line = line.replace(f"run{scene.number}.", "")
    return re.sub(r"\d\.\d{3} s", "some s", re.sub(r" at 0x[0-9a-f]+", "", line))


def misread(read: Callable[[Sequence[Any]], Columns | None], seeds: Iterable[int]) -> Iterator[int]:
    """Yield the seeds of batches that pass for usual, but differ when they are read record by record."""
    for seed in seeds:
        event = event_of(str(seed))
        columns = read(event["Records"])
        if columns is not None and not _are_same(columns, event):
            yield seed


def _are_same(columns: Columns, event: Json) -> bool:
    try:
        records = parse_event(event)
    except DDBEventsError:
        return False
    places = range(len(records))
    parts = [columns.event_ids, columns.kinds, columns.numbers, columns.bodies, columns.raws]
    expected = [
        (each.event_id, each.kind, each.sequence_number, each.raw["dynamodb"], each.raw) for each in records
    ]
    return expected == [*zip(*parts, strict=True)] and records == [columns.record(place) for place in places]


@cache
def _by_general_engine(seed: int) -> Sequence[str]:
    return play(seed, general=True)


def differences(seeds: Iterable[int]) -> Iterator[str]:
    """Yield the first different line of each seed for which the two ways are not the same."""
    for seed in seeds:
        lines = zip_longest(play(seed, general=False), _by_general_engine(seed), fillvalue="nothing")
        for straight, general in islice((pair for pair in lines if pair[0] != pair[1]), 1):
            yield f"seed {seed}:\n  straight: {straight}\n  general: {general}"
