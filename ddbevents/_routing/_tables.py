"""Tables that lead from a usual record to its handlers, by its kind and one attribute of its image.

They are made from plain routes: those that take every record of a kind, and those of models that differ in
one text `Literal` or `Prefix`, as the entities of a single-table design do. All other conditions are decided
as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

from .._changes import ImageName, Insert, KeyChange, Modify, Remove
from .._codec import ItemField, direct_decoder
from .._errors import InvalidRecordError
from .._records import Columns, Kind, StreamRecord
from ._route import Route

_KINDS: Final[tuple[Kind, ...]] = ("INSERT", "MODIFY", "REMOVE")

ReadDirectly: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], Any]
"""Returns the change of a usual record, given the record and its `dynamodb` object. Raises whatever it
stumbles over."""


Step: TypeAlias = tuple[str, ReadDirectly, Callable[..., object], Callable[[Any], None]]
"""A handler that a record goes to: its name, what reads the change that it gets, the user's function, and
what is called with its result unless that is None. Handlers with the same reader share the change.

It is no NamedTuple, since those take several times as long to unpack.
"""

Steps: TypeAlias = tuple[Step, ...]
"""The handlers of one record, in order of registration."""

_Look: TypeAlias = Callable[[dict[str, Any]], Steps]
"""Returns the steps of a record, given its `dynamodb` object; raises if it cannot tell."""


class Tables:
    """The tables of an app: one for each kind of change whose handlers are plain."""

    def __init__(self, routes: Iterable[Route]) -> None:
        by_kind: dict[Kind, list[Route]] = {kind: [] for kind in _KINDS}
        for route in routes:
            for kind in route.selection.kinds:
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
    """Return the table of a kind; None if one of its handlers is not plain.

    The handlers of a record share the items of a model, which different readers would not.
    """
    if any(route.transactional or route.middleware or route.bulk for route in routes):
        return None
    readers: dict[frozenset[tuple[str, Any]], ReadDirectly] = {}
    steps: list[tuple[Route, Step]] = []
    for route in routes:
        reads = _reads(kind, route)
        if reads not in readers:
            if not all(map(reads.isdisjoint, readers)):
                return None
            readers[reads] = _reader(kind, route)
        steps.append((route, (route.name, readers[reads], route.handler, route.settle)))
    return _Table(kind, steps)


def _reads(kind: Kind, route: Route) -> frozenset[tuple[str, Any]]:
    """Return the images that a handler reads, each with its model."""
    model = route.selection.model
    if route.selection.keys_only:
        return frozenset({("Keys", model)})
    of_new, of_old = ("NewImage", model), ("OldImage", route.old_model)
    return frozenset({"INSERT": (of_new,), "MODIFY": (of_new, of_old), "REMOVE": (of_old,)}[kind])


def _reader(kind: Kind, route: Route) -> ReadDirectly:
    model = route.selection.model
    return _key_reader(model) if route.selection.keys_only else _item_reader(kind, model, route.old_model)


def _item_reader(kind: Kind, model: type[Any], old_model: type[Any]) -> ReadDirectly:
    """Return what reads one kind of changes from usual records, as the route does, but explains nothing."""
    decode, decode_old, make = direct_decoder(model), direct_decoder(old_model), object.__new__

    # attributes are set here, since calling __init__ takes as long as a small item does
    def read_insert(raw: dict[str, Any], body: dict[str, Any]) -> Insert[Any]:
        change: Any = make(Insert)
        change.new, change._record = decode(body["NewImage"]), raw  # noqa: SLF001
        return change  # type: ignore[no-any-return]

    def read_modify(raw: dict[str, Any], body: dict[str, Any]) -> Modify[Any, Any]:
        change: Any = make(Modify)
        change.old, change.new = decode_old(body["OldImage"]), decode(body["NewImage"])
        change._record = raw  # noqa: SLF001
        return change  # type: ignore[no-any-return]

    def read_remove(raw: dict[str, Any], body: dict[str, Any]) -> Remove[Any]:
        change: Any = make(Remove)
        change.old, change._record = decode_old(body["OldImage"]), raw  # noqa: SLF001
        return change  # type: ignore[no-any-return]

    return {"INSERT": read_insert, "MODIFY": read_modify, "REMOVE": read_remove}[kind]


def _key_reader(model: type[Any]) -> ReadDirectly:
    """Return what reads changes from usual records, as the route does, but explains nothing."""
    decode, make = direct_decoder(model), object.__new__

    def read(raw: dict[str, Any], body: dict[str, Any]) -> KeyChange[Any]:
        change: Any = make(KeyChange)
        change.keys, change._record = decode(body["Keys"]), raw  # noqa: SLF001
        return change  # type: ignore[no-any-return]

    return read


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
    fields = {route.selection.text_literal for route, _ in steps if not route.takes_all}
    if None in fields or len({field and field.paths for field in fields}) != 1:
        return _cannot_tell
    return _look_at(kind, literals)


def _cannot_tell(_: object) -> Steps:
    raise LookupError


def _look_at(kind: Kind, steps: Sequence[tuple[ItemField | None, Step]]) -> _Look:
    """Return what looks at one attribute only, which the fields of all steps read that have one."""
    fields = [field for field, _ in steps if field is not None]
    image: ImageName = "OldImage" if kind == "REMOVE" else "NewImage"
    name = fields[0].paths[0][0]
    texts = {text for field in fields for _, text in field.choices}
    by_text = {text: _once(step for field, step in steps if _allows(field, text)) for text in texts}
    prefixes = {prefix for field in fields for prefix in field.prefixes}
    lengths = sorted({*map(len, prefixes)})
    others = _once(step for field, step in steps if field is None)
    absent = _once(step for field, step in steps if field is None or not field.required)

    def look(body: dict[str, Any]) -> Steps:
        item = body[image]
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
