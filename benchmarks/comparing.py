"""The workloads: contenders side by side, which must all give the same items before they are measured."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from timeit import Timer
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

from pydantic import BaseModel

from benchmarks.cases import (
    CASES,
    ENTITIES,
    Case,
    Flat,
    batch_text,
    entity_images,
)
from benchmarks.contenders import ours
from benchmarks.orders import Order, insert, modify, order, orders, plain_map
from benchmarks.targets import CORE, DUMP, FROZEN, JSON, LIMIT, LOOP, OURS
from benchmarks.timing import Run
from ddbevents import StreamApp, decode
from ddbevents.stores import MemoryStore

if TYPE_CHECKING:
    from benchmarks.contenders.interface import BulkLibrary, Dispatcher, Library, Reader, Take, Writer

_OTHERS: Final = ("with_boto3", "with_powertools", "with_dynamodb_json", "with_stream_router")
_ITEMS: Final = 100


class Workload(NamedTuple):
    """Work that several contenders do.

    Attributes:
        title: What it is.
        parts: How many records or items a run takes.
        runs: By contender, what does the work once.
        base: The contender that the others are compared with.
        frozen: Whether the garbage collector may leave alone what was made before a run.
    """

    title: str
    parts: int
    runs: Mapping[str, Run]
    base: str = LIMIT
    frozen: bool = True


Libraries: TypeAlias = Collection["Library"]
Make: TypeAlias = Callable[[Libraries], Workload]


def find_libraries(names: Iterable[str] = _OTHERS) -> Iterator[Library]:
    """The contenders whose packages are there; says which are not."""
    yield ours
    for name in names:
        try:
            yield cast("Library", import_module(f"benchmarks.contenders.{name}"))
        except ImportError as error:
            print(f"left out: {name}.py ({error})", file=sys.stderr)


def read_items(case: Case, libraries: Libraries) -> Workload:
    """One item, decoded over and over."""
    model, image = case.model, case.image
    values = plain_map(image)
    expected = model.model_validate(values)
    names = {"model": model, "image": image, "values": values, "record": insert(image)}
    expressions: dict[str, tuple[str, Mapping[str, Any]]] = {
        LIMIT: ("model.model_validate(values)", names),
        CORE: ("validate(values)", {**names, "validate": model.__pydantic_validator__.validate_python}),
    }
    for library in libraries:
        for name, reader in library.readers(model).items():
            expressions[name] = (reader.expression, {**names, **reader.names})
    for name, (expression, scope) in expressions.items():
        if eval(expression, dict(scope)) != expected:  # noqa: S307  # text of ours
            raise SystemExit(f"{name} reads another item: {expression}")
    runs = {name: _repeating(*pair) for name, pair in expressions.items()}
    return Workload(f"decode, {case.title}", _ITEMS, runs)


def write_items(libraries: Libraries) -> Workload:
    """One order, encoded over and over."""
    item = Order.model_validate(plain_map(order(1)))
    readers: dict[str, Reader] = {}
    for library in libraries:
        if hasattr(library, "writers"):
            readers |= cast("Writer", library).writers()
    runs = {DUMP: _repeating("item.model_dump()", {"item": item})}
    for name, reader in readers.items():
        scope = {"item": item, **reader.names}
        if decode(Order, eval(reader.expression, dict(scope))) != item:  # noqa: S307  # text of ours
            raise SystemExit(f"{name} writes another item")
        runs[name] = _repeating(reader.expression, scope)
    return Workload("encode, full model", _ITEMS, runs, base=DUMP)


def _repeating(expression: str, names: Mapping[str, Any]) -> Run:
    timer = Timer(expression, globals=dict(names))  # without a call around the expression
    return partial(timer.timeit, _ITEMS)


class Sink:
    """Where handlers put their items; they have no other work."""

    def __init__(self) -> None:
        self._items: deque[BaseModel] = deque(maxlen=1)

    def take(self, item: BaseModel) -> None:
        """Keep it until the next one comes."""
        self._items.append(item)

    def all_of(self, run: Run) -> list[BaseModel]:
        """The items of one run."""
        self._items = deque()
        run()
        items, self._items = [*self._items], deque(maxlen=1)
        return items


def insert_batch(
    title: str, model: type[BaseModel], images: Iterable[dict[str, Any]], libraries: Libraries
) -> Workload:
    """New items, for a handler that does nothing."""
    event = json.loads(batch_text(images))
    return _batch(title, event, model, ["NewImage"], libraries)


def modify_batch(size: int, libraries: Libraries) -> Workload:
    """Changed orders, for a handler that reads both of their images."""
    event = json.loads(batch_text(orders(size), modify))
    title = f"batch of {size:,} MODIFY, both images read"
    return _batch(title, event, Order, ["OldImage", "NewImage"], libraries)


def _batch(
    title: str, event: Any, model: type[BaseModel], names: Sequence[str], libraries: Libraries
) -> Workload:
    sink = Sink()
    runs = {LIMIT: _validating(event, names, lambda _: model, sink.take)}
    for library in libraries:
        for name, handle in library.handlers(model, sink.take).items():
            runs[name] = partial(handle, event)
    return _checked(sink, Workload(title, len(event["Records"]), runs))


def three_handlers(libraries: Libraries) -> Workload:
    """New orders, each for three handlers, which may share it."""
    sink = Sink()
    event = json.loads(batch_text(orders(100)))

    def take_thrice(item: BaseModel) -> None:
        sink.take(item)
        sink.take(item)
        sink.take(item)

    runs = {LIMIT: _validating(event, ["NewImage"], lambda _: Order, take_thrice)}
    for library in libraries:
        if library is ours:
            runs[OURS] = partial(ours.several_handlers(Order, [sink.take] * 3), event)
            continue
        for name, handle in library.handlers(Order, take_thrice).items():
            runs[name] = partial(handle, event)
    return _checked(sink, Workload("three handlers, batch of 100 INSERT, full model", 100, runs))


def bulk(libraries: Libraries) -> Workload:
    """New orders, all of them for one call of a handler."""
    sink = Sink()
    event = json.loads(batch_text(orders(1_000)))

    def take_all(items: Iterable[BaseModel]) -> None:
        for item in items:
            sink.take(item)

    runs = {LIMIT: _validating(event, ["NewImage"], lambda _: Order, sink.take)}
    for library in libraries:
        if hasattr(library, "bulk_handler"):
            for name, handle in cast("BulkLibrary", library).bulk_handler(Order, take_all).items():
                runs[name] = partial(handle, event)
    return _checked(sink, Workload("1,000 INSERT for one call of a bulk handler, full model", 1_000, runs))


def entities(title: str, models: Mapping[str, type[BaseModel]], libraries: Libraries) -> Workload:
    """New items of ten kinds, of which those count that have a model."""
    sink = Sink()
    event = json.loads(batch_text(entity_images(100)))
    runs = {LIMIT: _validating(event, ["NewImage"], lambda image: models.get(image["kind"]["S"]), sink.take)}
    for library in libraries:
        if hasattr(library, "dispatchers"):
            for name, handle in cast("Dispatcher", library).dispatchers(models, sink.take).items():
                runs[name] = partial(handle, event)
    return _checked(sink, Workload(title, 100, runs))


def stored(title: str, libraries: Libraries, *, replay: bool) -> Workload:  # noqa: ARG001  # no other one stores
    """New orders for an app with a store, which has seen them before or forgets them before each run."""
    sink = Sink()
    event = json.loads(batch_text(orders(100)))
    now = datetime(2026, 11, 2, tzinfo=UTC)

    def clock() -> datetime:
        return now

    handle = ours.stored_handler(Order, sink.take, MemoryStore(clock=clock))

    def handle_new() -> None:
        nonlocal now
        now += timedelta(days=30)
        handle(event)

    limit = _validating(event, ["NewImage"], lambda _: Order, sink.take)
    expected = sink.all_of(limit)
    for run, items in ((handle_new, expected), (handle_new, expected), (partial(handle, event), [])):
        if sink.all_of(run) != items:
            raise SystemExit("the store has other marks")
    runs: dict[str, Run] = {LIMIT: limit, OURS: partial(handle, event) if replay else handle_new}
    return Workload(title, 100, runs)


def invocation(libraries: Libraries) -> Workload:
    """A whole invocation: the event's JSON is parsed, and the garbage collector does what it likes."""
    sink = Sink()
    text = batch_text(orders(1_000))
    handlers: dict[str, Callable[[Any], object]] = {JSON: lambda _: None}
    for library in libraries:
        handlers |= {
            name: handle
            for name, handle in library.handlers(Order, sink.take).items()
            if name in {OURS, LOOP}
        }
    handlers[FROZEN] = handlers[OURS]

    def invoke(handle: Callable[[Any], object]) -> None:
        handle(json.loads(text))

    runs: dict[str, Run] = {name: partial(invoke, handle) for name, handle in handlers.items()}
    runs[FROZEN] = _freezing(runs[FROZEN])
    title = "an invocation of 1,000 INSERT, full model, json.loads included"
    return Workload(title, 1_000, runs, base=JSON, frozen=False)


def _freezing(run: Run) -> Run:
    """As the last line of a module would do it, once."""
    is_frozen = False

    def frozen() -> None:
        nonlocal is_frozen
        if not is_frozen:
            is_frozen = True
            StreamApp().prepare(freeze_gc=True)
        run()

    return frozen


def _validating(
    event: Any,
    names: Sequence[str],
    model_of: Callable[[Any], type[BaseModel] | None],
    take: Take,
) -> Run:
    """Return the limit of a batch: each item validated from values that are plain already."""
    pairs: list[tuple[Any, Any]] = []
    for record in event["Records"]:
        for name in names:
            image = record["dynamodb"][name]
            if (model := model_of(image)) is not None:
                pairs.append((model, plain_map(image)))

    def validate() -> None:
        for model, values in pairs:
            take(model.model_validate(values))

    return validate


def _checked(sink: Sink, workload: Workload) -> Workload:
    expected = sink.all_of(workload.runs[LIMIT])
    for name, run in workload.runs.items():
        if sink.all_of(run) != expected:
            raise SystemExit(f"{name} reads other items: {workload.title}")
    return workload


def order_batch(size: int, libraries: Libraries) -> Workload:
    """New orders."""
    return insert_batch(f"batch of {size:,} INSERT, full model", Order, orders(size), libraries)


WORKLOADS: Final[Mapping[str, Make]] = {
    **{f"decode-{name}": partial(read_items, case) for name, case in CASES.items()},
    "encode-full": write_items,
    "batch-1": partial(order_batch, 1),
    "batch-100": partial(order_batch, 100),
    "batch-1000": partial(order_batch, 1_000),
    "flat-100": lambda libraries: insert_batch(
        "batch of 100 INSERT, flat model: 10 texts", Flat, [CASES["flat"].image] * 100, libraries
    ),
    "modify-100": partial(modify_batch, 100),
    "modify-1000": partial(modify_batch, 1_000),
    "entities-100": partial(entities, "batch of 100 INSERT, ten entities told apart by a Literal", ENTITIES),
    "ignored-100": partial(
        entities, "batch of 100 INSERT, 90 % ignored for their Literal", {"sale": ENTITIES["sale"]}
    ),
    "handlers-100": three_handlers,
    "bulk-1000": bulk,
    "store-first": partial(stored, "batch of 100 INSERT, MemoryStore, first run", replay=False),
    "store-replay": partial(stored, "batch of 100 INSERT, MemoryStore, replay", replay=True),
    "invocation": invocation,
}
"""By name, what makes each."""
