"""Tables that lead from a usual record to its handlers, by its kind and one attribute of its image.

They are made from plain routes: those that take every record of a kind, and those of models that differ in
one text `Literal` or `Prefix`, as the entities of a single-table design do. All other conditions are decided
as ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

from .._changes import Place
from .._codec import ItemField, direct_decoder
from .._errors import InvalidRecordError
from .._records import Columns, Kind, StreamRecord, read_known
from ._route import Route
from ._selection import KINDS, PLACES

ReadDirectly: TypeAlias = Callable[..., Any]
"""Returns the change of a usual record, given the record, its `dynamodb` object, and the changes that other
handlers of the record have had, by reader. Raises whatever it stumbles over."""


Step: TypeAlias = tuple[str, ReadDirectly, Callable[..., object], Callable[[Any], None]]
"""A handler that a record goes to: its name, what reads the change that it gets, the user's function, and
what is called with its result unless that is None. Handlers with the same reader share the change.

It is no NamedTuple, since those take several times as long to unpack.
"""

Steps: TypeAlias = tuple[Step, ...]
"""The handlers of one record, in order of registration."""

_Look: TypeAlias = Callable[[dict[str, Any]], Steps]
"""Returns the steps of a record, given its `dynamodb` object; raises if it cannot tell."""

_Source: TypeAlias = tuple[Place, Any]
"""A part of a record that a change is decoded from, with the model."""

_Key: TypeAlias = tuple[type[Any], tuple[_Source, ...]]
"""What tells readers apart: the type of their changes, and the sources of these."""

_PARTS: Final[Mapping[Place, str]] = {"NewImage": "new", "OldImage": "old", "Keys": "keys"}
_NOTHING: Final[Mapping[Any, Any]] = {}


class Tables:
    """The tables of an app: one for each kind of change whose handlers are plain."""

    def __init__(self, routes: Iterable[Route]) -> None:
        by_kind: dict[Kind, list[Route]] = {kind: [] for kind in KINDS}
        for route in routes:
            for kind in route.selection.kinds:
                if kind in by_kind:
                    by_kind[kind].append(route)
        tables = {kind: _table(kind, routes) for kind, routes in by_kind.items()}
        self._tables = {kind: table for kind, table in tables.items() if table is not None}
        # of the kinds whose records all go to the same handlers
        self._same = {kind: table.same for kind, table in self._tables.items() if table.same is not None}

    def steps_of(self, columns: Columns) -> Sequence[Steps] | None:
        """Return the steps of each record.

        Returns:
            None if one of them goes to handlers that are not plain, or it cannot be decided where it goes.
        """
        kinds = {*columns.kinds}
        if kinds <= self._same.keys():
            same = [self._same[kind] for kind in kinds]
            return (
                same * len(columns.kinds) if len(same) == 1 else [self._same[kind] for kind in columns.kinds]
            )
        if not kinds <= self._tables.keys():
            return None
        steps: list[Steps] = []
        looks = {kind: table.look for kind, table in self._tables.items()}
        for kind, body in zip(columns.kinds, columns.bodies, strict=True):
            try:
                steps.append(looks[kind](body))
            except (LookupError, TypeError):
                decided = self._tables[kind].decide(columns.record(len(steps)))
                if decided is None:
                    return None
                steps.append(decided)
        return steps


class _Table:
    """The handlers of one kind.

    Attributes:
        same: The steps of every record, if all have the same; else None.
        look: Returns the steps of a record, given its `dynamodb` object; raises if it cannot tell.
    """

    def __init__(self, kind: Kind, steps: Sequence[tuple[Route, Step]]) -> None:
        self._steps = steps
        is_same = all(route.takes_all for route, _ in steps)
        self.same: Steps | None = _once(step for _, step in steps) if is_same else None
        self.look: _Look = _look(kind, steps, self.same)

    def decide(self, record: StreamRecord) -> Steps | None:
        """Return the steps of a record by the conditions of all handlers, as ever; None if that fails."""
        try:
            return _once(step for route, step in self._steps if route.takes(record))
        except InvalidRecordError:
            return None


def _table(kind: Kind, routes: Sequence[Route]) -> _Table | None:
    """Return the table of a kind; None if one of its handlers is not plain."""
    if any(route.transactional or route.middleware or route.takes_last for route in routes):
        return None
    keys = [(route.selection.form.gives[kind], _sources(kind, route)) for route in routes]
    readers = _readers(keys)
    steps = [
        (route, (route.name, readers[key], route.handler, route.settle))
        for route, key in zip(routes, keys, strict=True)
    ]
    return _Table(kind, steps)


def _readers(keys: Iterable[_Key]) -> Mapping[_Key, ReadDirectly]:
    """Return a reader for each type of change and its sources. The handlers of a record share items."""
    readers: dict[_Key, ReadDirectly] = {}
    by_source: dict[_Source, list[ReadDirectly]] = {}
    unique = dict.fromkeys(keys)
    uses = Counter(source for _, sources in unique for source in sources)
    for change, sources in unique:
        reader = _reader(change, sources)
        if any(uses[source] > 1 for source in sources):
            reader = _sharing(reader, change, {each: by_source.setdefault(each, []) for each in sources})
        readers[change, sources] = reader
        for source in sources:
            by_source.setdefault(source, []).append(reader)
    return readers


def _sources(kind: Kind, route: Route) -> tuple[_Source, ...]:
    model, old_model = route.selection.model, route.old_model
    places = PLACES[route.selection.form.gives[kind]]
    return tuple([(place, old_model if place == "OldImage" else model) for place in places])


def _sharing(
    read: ReadDirectly, given: type[Any], sources: Mapping[_Source, Sequence[ReadDirectly]]
) -> ReadDirectly:
    """Return a reader that takes the items which other readers of the record have decoded.

    Args:
        read: The reader that decodes all of them.
        given: The type of its changes.
        sources: The readers that decode the same, by what they decode.
    """
    parts = [
        (place, _PARTS[place], direct_decoder(model), readers) for (place, model), readers in sources.items()
    ]

    def read_or_share(raw: Any, body: dict[str, Any], others: Mapping[ReadDirectly, Any] = _NOTHING) -> Any:
        if not others:
            return read(raw, body)
        change: Any = object.__new__(given)
        for place, part, decode, readers in parts:
            earlier = next((others[each] for each in readers if each in others), None)
            setattr(change, part, decode(body[place]) if earlier is None else getattr(earlier, part))
        change._record = raw  # noqa: SLF001
        return change

    return read_or_share


def _reader(given: type[Any], sources: Sequence[_Source]) -> ReadDirectly:
    """Return what reads changes of a type from usual records, as the route does, but explains nothing."""
    if not sources:
        return _read_record
    decode, decode_old = direct_decoder(sources[0][1]), direct_decoder(sources[-1][1])
    make = object.__new__

    # attributes are set here, since calling __init__ takes as long as a small item does
    def read_new(raw: Any, body: dict[str, Any], _: object = None) -> Any:
        change: Any = make(given)
        change.new, change._record = decode(body["NewImage"]), raw  # noqa: SLF001
        return change

    def read_old(raw: Any, body: dict[str, Any], _: object = None) -> Any:
        change: Any = make(given)
        change.old, change._record = decode_old(body["OldImage"]), raw  # noqa: SLF001
        return change

    def read_both(raw: Any, body: dict[str, Any], _: object = None) -> Any:
        change: Any = make(given)
        change.old, change.new = decode_old(body["OldImage"]), decode(body["NewImage"])
        change._record = raw  # noqa: SLF001
        return change

    def read_keys(raw: Any, body: dict[str, Any], _: object = None) -> Any:
        change: Any = make(given)
        change.keys, change._record = decode(body["Keys"]), raw  # noqa: SLF001
        return change

    match [place for place, _ in sources]:
        case ["NewImage"]:
            return read_new
        case ["OldImage"]:
            return read_old
        case ["Keys"]:
            return read_keys
        case _:
            return read_both


def _read_record(raw: Any, _: object, _others: object = None) -> StreamRecord:
    """Return the record, which an earlier handler may have looked at."""
    return raw if isinstance(raw, StreamRecord) else read_known(raw)


def _once(steps: Iterable[Step]) -> Steps:
    """Return each handler's first step: a function that was registered twice runs once for a record."""
    by_name: dict[str, Step] = {}
    for step in steps:
        by_name.setdefault(step[0], step)
    return tuple(by_name.values())


def _look(kind: Kind, steps: Sequence[tuple[Route, Step]], same: Steps | None) -> _Look:
    if same is not None:
        return lambda _: same
    literals = [(None if route.takes_all else route.selection.text_literal, step) for route, step in steps]
    choosing = [route.selection for route, _ in steps if not route.takes_all]
    fields = {selection.text_literal for selection in choosing}
    places: set[Place] = {selection.form.sees(kind) for selection in choosing}
    if None in fields or len({field and field.paths for field in fields}) != 1 or len(places) != 1:
        return _cannot_tell
    return _look_at(places.pop(), literals)


def _cannot_tell(_: object) -> Steps:
    raise LookupError


def _look_at(place: Place, steps: Sequence[tuple[ItemField | None, Step]]) -> _Look:
    """Return what looks at one attribute only, which the fields of all steps read that have one."""
    fields = [field for field, _ in steps if field is not None]
    name = fields[0].paths[0][0]
    texts = {text for field in fields for _, text in field.choices}
    by_text = {text: _once(step for field, step in steps if _allows(field, text)) for text in texts}
    prefixes = {prefix for field in fields for prefix in field.prefixes}
    lengths = sorted({*map(len, prefixes)})
    others = _once(step for field, step in steps if field is None)
    absent = _once(step for field, step in steps if field is None or not field.required)

    def look(body: dict[str, Any]) -> Steps:
        item = body[place]
        if name not in item:
            return absent
        attribute = item[name]
        text = attribute["S"]
        if type(text) is str and len(attribute) == 1:
            if lengths and text not in by_text:
                return beginning_so(tuple([text[:end] for end in lengths if text[:end] in prefixes]))
            return by_text.get(text, others)
        raise TypeError

    @cache
    def beginning_so(found: tuple[str, ...]) -> Steps:
        """Return the steps of a text that begins with these prefixes and no others, and is no choice."""
        return _once(step for field, step in steps if field is None or {*found} & {*field.prefixes})

    return look


def _allows(field: ItemField | None, text: str) -> bool:
    return field is None or field.allows(("S", text))
