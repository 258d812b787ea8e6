"""The contenders side by side: one item, a batch, and batches that grow; all must give the same items."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from benchmarks.cases import Case, Kind, Order, batch_text, insert, order, plain_map
from benchmarks.contenders import ours
from benchmarks.targets import CORE, DUMP, LIMIT, OURS
from benchmarks.timing import Clock, best, call_clock, expression_clock
from ddbevents import decode

if TYPE_CHECKING:
    from pydantic import BaseModel

    from benchmarks.contenders.interface import Library, Reader, Writer

_OTHERS: Final = ("with_boto3", "with_powertools", "with_dynamodb_json", "with_stream_router")


def find_libraries() -> Iterator[Library]:
    """The contenders whose packages are there; says which are not."""
    yield ours
    for name in _OTHERS:
        try:
            yield cast("Library", import_module(f"benchmarks.contenders.{name}"))
        except ImportError as error:
            print(f"left out: {name}.py ({error})")


def read_item(case: Case, libraries: list[Library], rounds: int) -> dict[str, float]:
    """The seconds to read one item, over and over."""
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
    return best({name: expression_clock(*pair) for name, pair in expressions.items()}, rounds)


def write_item(libraries: list[Library], rounds: int) -> dict[str, float]:
    """The seconds to write an order."""
    item = Order.model_validate(plain_map(order(1)))
    readers: dict[str, Reader] = {}
    for library in libraries:
        if hasattr(library, "writers"):
            readers |= cast("Writer", library).writers()
    clocks = {DUMP: expression_clock("item.model_dump()", {"item": item})}
    for name, reader in readers.items():
        scope = {"item": item, **reader.names}
        if decode(Order, eval(reader.expression, dict(scope))) != item:  # noqa: S307  # text of ours
            raise SystemExit(f"{name} writes another item")
        clocks[name] = expression_clock(reader.expression, scope)
    return best(clocks, rounds)


class Sink:
    """Where handlers put their items; they have no other work."""

    def __init__(self) -> None:
        self._items: deque[BaseModel] = deque(maxlen=1)

    def take(self, item: BaseModel) -> None:
        """Keep it until the next one comes."""
        self._items.append(item)

    def all_of(self, clock: Clock) -> list[BaseModel]:
        """The items of one run."""
        self._items = deque()
        clock()
        items, self._items = [*self._items], deque(maxlen=1)
        return items


def read_batch(kind: Kind, size: int, libraries: list[Library], rounds: int) -> dict[str, float]:
    """The seconds for each record of a batch of distinct items, with a handler that does nothing."""
    sink = Sink()
    event = json.loads(batch_text(kind, size))
    images = ("NewImage",) if kind == "INSERT" else ("OldImage", "NewImage")
    plain = [plain_map(record["dynamodb"][name]) for record in event["Records"] for name in images]

    def validate(plain: Any) -> None:
        for values in plain:
            sink.take(Order.model_validate(values))

    clocks = {LIMIT: call_clock(validate, plain, size)}
    for library in libraries:
        for name, handle in library.handlers(Order, sink.take).items():
            clocks[name] = call_clock(handle, event, size)
    expected = sink.all_of(clocks[LIMIT])
    for name, clock in clocks.items():
        if sink.all_of(clock) != expected:
            raise SystemExit(f"{name} reads other items")
    return best(clocks, rounds)


def grow(sizes: tuple[int, ...], rounds: int) -> dict[int, tuple[float, float]]:
    """By size of the batch, the seconds for each record: of the limit, and of an app."""
    seconds: dict[int, tuple[float, float]] = {}
    for size in sizes:
        times = read_batch("INSERT", size, [ours], max(rounds, rounds * 1000 // size))
        seconds[size] = times[LIMIT], times[OURS]
    return seconds
