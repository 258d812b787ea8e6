"""Random apps and the records of their tables, to look for records that a filter must not drop, for tests.

A seed gives an app and its records, which are as DynamoDB writes them. The names and values are few, so that
conditions often hold, and some names are chosen to look like others to a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from random import Random
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

from botocore.handlers import BUILTIN_HANDLERS
from pydantic import AliasChoices, AliasPath, BaseModel, Field

from ddbevents import Attr, Condition, ConfigurationError, Outcome, Prefix, Router, StreamApp, ViewType
from ddbevents.deploy import FilterCriteria, filter_criteria
from ddbevents.testing._mapping._matching import matches_any  # reads the patterns once for many records
from ddbevents.testing._mapping._patterns import read_patterns
from tests.stream import Json

_HANDLERS: Final = [*BUILTIN_HANDLERS]
from moto.events.models import EventPattern  # noqa: E402  # between the lines that keep the clients as they are

# moto would look at the requests of all of boto3's clients from now on
BUILTIN_HANDLERS[:] = _HANDLERS

MakeFilter: TypeAlias = Callable[..., FilterCriteria]

VIEW_TYPES: Final[Sequence[ViewType]] = ("NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY")
TEXTS: Final = ("", "a", "ab", "b", "order", "OPEN", "order#1", "user#1", "Straße")
NUMBERS: Final = ("0", "1", "300", "-7", "0.5", "10000000000000000000000")
NAMES: Final = ("kind", "status", "n", "address", "address.M.city", "lines", "prefix", "exists", "$or")
PATHS: Final = (*NAMES[:4], "address.city", "lines[0]", *NAMES[6:], "pk", "sk", "missing")
OPERANDS: Final[Sequence[tuple[Any, Json]]] = (
    *[(text, {"S": text}) for text in TEXTS],
    *[(Decimal(number), {"N": number}) for number in NUMBERS],
    (Decimal("300.0"), {"N": "300"}),
    (True, {"BOOL": True}),
    (False, {"BOOL": False}),
    (None, {"NULL": True}),
    (b"a", {"B": "YQ=="}),
    (b"abc", {"B": "YWJj"}),
    (b"abcd", {"B": "YWJjZA=="}),
    ({"a"}, {"SS": ["a"]}),
    (["a"], {"L": [{"S": "a"}]}),
    ({"city": "a"}, {"M": {"city": {"S": "a"}}}),
)
"""Values, each with what DynamoDB writes for it."""

_CARRIED: Final = {
    "NEW_AND_OLD_IMAGES": ("NewImage", "OldImage"),
    "NEW_IMAGE": ("NewImage",),
    "OLD_IMAGE": ("OldImage",),
    "KEYS_ONLY": (),
}


class Plain(BaseModel):
    kind: Any = None
    n: Any = None


class Order(BaseModel):
    kind: Literal["order", "a"]


class Optionally(BaseModel):
    kind: Literal["order"] | None = None
    n: Literal[1, 300] = 1


class Keyed(BaseModel):
    pk: Annotated[str, Prefix("order#")]


class Several(BaseModel):
    kind: Literal["a", 1] | Annotated[str, Prefix("user#")] | None


class Aliased(BaseModel):
    kind: Literal["a"] = Field("a", validation_alias=AliasChoices("status", "kind"))


class AliasedRequired(BaseModel):
    kind: Literal["a", "order"] = Field(validation_alias=AliasChoices("status", "kind"))


class Nested(BaseModel):
    city: Literal["a"] = Field(validation_alias=AliasPath("address", "city"))
    line: Literal["a"] = Field("a", validation_alias=AliasPath("lines", 0))


class Dotted(BaseModel):
    city: Literal["a"] = Field("a", validation_alias="address.M.city")
    flag: Literal[True] = Field(True, validation_alias="exists")  # noqa: FBT003  # a default


CHOICES: Final[Sequence[tuple[Any, Json]]] = (
    *[(text, {"S": text}) for text in ("a", "order", "order#1", "user#1")],
    *[(number, {"N": str(number)}) for number in (1, 300)],
    (None, {"NULL": True}),
    (True, {"BOOL": True}),
)
"""Values that the fields of models may have."""

DECORATORS: Final = (
    *("on_insert", "on_modify", "on_remove", "on_upsert", "on_previous"),
    *("on_change", "on_keys", "on_record", "on_latest"),
)
MODELS: Final = (Order, Optionally, Keyed, Several, Aliased, AliasedRequired, Nested, Dotted)


class World(NamedTuple):
    """What an app and its records have in common, so that conditions often hold.

    Attributes:
        random: Makes the choices.
        paths: The attributes that conditions look at.
        operands: The values that they compare with.
        models: The models of handlers.
    """

    random: Random
    paths: Sequence[str]
    operands: Sequence[tuple[Any, Json]]
    models: Sequence[type[BaseModel]]


class Finding(NamedTuple):
    """A record that a filter drops although a handler takes it or fails on it."""

    seed: int
    engine: str
    record: Json
    patterns: Sequence[str]


def findings(
    seeds: Iterable[int], make: MakeFilter = filter_criteria, *, records: int = 100
) -> Iterator[Finding]:
    """Yield the records that a filter drops and an app does not ignore."""
    for seed in seeds:
        random = Random(seed)  # noqa: S311  # a test's choices
        world = random.choice([_of_conditions, _of_models])(random)
        app = random_app(world)
        quota = random.choice([1, 2, 5, 10])
        table = random.choice([None, None, "shop"])
        written = [random_record(world) for _ in range(records)]
        for view_type in VIEW_TYPES:
            yield from _of_view(seed, app, make, [_seen(each, view_type) for each in written], quota, table)


def _of_view(
    seed: int, app: StreamApp, make: MakeFilter, records: Sequence[Json], quota: int, table: str | None
) -> Iterator[Finding]:
    view_type = records[0]["dynamodb"]["StreamViewType"]
    try:
        criteria = make(app, view_type=view_type, table=table, quota=quota)
    except ConfigurationError:
        patterns = ['{"eventName":["NONE"]}']  # no record can come to a handler
    else:
        patterns = [each["Pattern"] for each in criteria["Filters"]]
    read = read_patterns(patterns)
    motos: list[Any] = [EventPattern.load(each) for each in patterns]  # takes any event
    for record in records:
        drops = {
            "ours": not matches_any(read, record),
            "moto": bool(motos)
            and not has_twins(record)
            and not any(each.matches_event(record) for each in motos),
            "a length": max(map(len, patterns), default=0) > 4_096 or len(patterns) > quota,
        }
        for engine in (engine for engine, is_dropped in drops.items() if is_dropped):
            if engine == "a length" or not is_ignored(app, record):
                yield Finding(seed, engine, record, patterns)


def has_twins(record: Json) -> bool:
    """Return whether two attributes look the same to a filter, of which moto sees only one."""
    return "address.M.city" in str(record)


def is_ignored(app: StreamApp, record: Json) -> bool:
    """Return whether no handler takes a record, and none fails on it."""
    [report] = app.preview({"Records": [record]}).records
    return report.outcome is Outcome.IGNORED


def _of_conditions(random: Random) -> World:
    paths, operands = random.choice([1, 2]), random.choice([1, 2, 3])
    return World(random, random.sample(PATHS, paths), random.sample(OPERANDS, operands), [Plain])


def _of_models(random: Random) -> World:
    return World(random, ["kind", "status", "address", "lines", "n", "pk"], CHOICES, [random.choice(MODELS)])


def random_app(world: World) -> StreamApp:
    """Return an app with handlers of every kind."""
    random, app = world.random, StreamApp("shop")
    for number in range(random.choice([*[1] * 9, 2, 3, 20])):
        router = Router(
            table=random.choice([None, None, None, "shop", "other"]),
            where=random.choice([*[None] * 5, random_condition(world, 1)]),
        )
        _register(world, router)(_handler(number))
        app.include(router)
    return app


def _handler(number: int) -> Callable[[Any], None]:
    def handle(change: Any) -> None:
        """Handle a change."""

    handle.__qualname__ = f"handle_{number}"
    return handle


def _register(world: World, router: Router) -> Callable[..., object]:
    random = world.random
    decorators: Any = random.choice([router, router, router.bulk(5)])
    model = random.choice(world.models)
    depth = random.choice([0, 0, 1, 2])
    is_wanted = model is Plain or not random.randrange(8)  # either a condition, or a model
    parts: dict[str, Any] = {"where": random_condition(world, depth) if is_wanted else None}
    name = random.choice(DECORATORS)
    if name in {"on_keys", "on_record"}:
        parts["kinds"] = random.sample(["INSERT", "MODIFY", "REMOVE"], random.randint(1, 3))
    if name == "on_remove" or (name == "on_keys" and "REMOVE" in parts["kinds"]):
        parts["expired"] = random.choice([None, True, False])
    if name == "on_modify" and "kind" in model.model_fields:
        parts["changed"] = random.choice([(), "kind"])
    arguments = () if name == "on_record" else (model,)
    registration: Callable[..., object] = getattr(decorators, name)(*arguments, **parts)
    return registration


def random_condition(world: World, depth: int) -> Condition:
    """Return a condition on few attributes and values."""
    random = world.random
    junction = random.choice(["and", "or", "not", None, None]) if depth else None
    if junction == "not":
        return ~random_condition(world, depth - 1)
    if junction is not None:
        one, other = random_condition(world, depth - 1), random_condition(world, depth - 1)
        return one & other if junction == "and" else one | other
    attribute = Attr(random.choice(world.paths))
    values = [value for value, _ in world.operands]
    value, ordered = random.choice(values), random.choice([Decimal(1), "b", b"ab"])
    beginning = value[: random.randint(0, 4)] if isinstance(value, (str, bytes)) else "o"
    return random.choice(
        [
            lambda: attribute.eq(value),
            lambda: attribute.ne(value),
            lambda: attribute.eq(value),
            lambda: attribute.is_in(random.choices(values, k=2)),
            lambda: attribute.begins_with(beginning),
            lambda: attribute.between(ordered, ordered),
            lambda: attribute.gt(ordered),
            lambda: attribute.contains("a"),
            attribute.exists,
            attribute.not_exists,
        ]
    )()


def random_record(world: World) -> Json:
    """Return a record of a stream with both images."""
    random = world.random
    keys = {
        "pk": random.choice([{"S": random.choice(TEXTS[1:])}, _value(world, "SB")]),
        "sk": random.choice([{"N": random.choice(NUMBERS)}, _value(world, "SNB")]),
    }
    kind = random.choice(["INSERT", "MODIFY", "REMOVE"])
    images = {
        "NewImage": None if kind == "REMOVE" else {**_image(world), **keys},
        "OldImage": None if kind == "INSERT" else {**_image(world), **keys},
    }
    number = str(random.randrange(10**24, 10**25))
    record: Json = {
        "eventID": number,
        "eventName": kind,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {"Keys": keys, "SequenceNumber": number, "SizeBytes": 9},
        "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/shop/stream/2026-11-27",
    }
    record["dynamodb"].update((name, image) for name, image in images.items() if image is not None)
    if kind == "REMOVE" and random.choice([True, False]):
        record["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    return record


def _image(world: World) -> Json:
    image: Json = {}
    for name in NAMES:
        is_looked_at = any(path.startswith(name) for path in world.paths)
        if world.random.random() < (0.8 if is_looked_at else 0.3):
            value = _value(world)
            image[name] = {"address": {"M": {"city": value}}, "lines": {"L": [value]}}.get(name, value)
    return image


def _value(world: World, tags: Collection[str] = ()) -> Json:
    """Return the value of an attribute, often one that conditions look for, of one of some types."""
    looked_for = [typed for _, typed in world.operands]
    others = [typed for _, typed in OPERANDS]
    value = world.random.choice(world.random.choice([looked_for, looked_for, looked_for, others]))
    return value if not tags or ({*value} <= {*tags} and {*value.values()} != {""}) else {"S": "a"}


def _seen(record: Json, view_type: ViewType) -> Json:
    """Return a record as a stream of a view type has it."""
    body = record["dynamodb"]
    images = {"NewImage", "OldImage"} - {*_CARRIED[view_type]}
    seen = {name: value for name, value in body.items() if name not in images}
    return {**record, "dynamodb": {**seen, "StreamViewType": view_type}}
