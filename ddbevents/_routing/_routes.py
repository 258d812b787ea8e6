"""The routes of an app or a router, and which of them a record goes to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from .._attributes import Image
from .._changes import Decode
from .._codec import decode_exactly
from .._errors import LONGEST_LABEL, ConfigurationError, InvalidRecordError, quoted
from .._records import Columns, Kind, StreamRecord
from ._route import Bulk, Route

if TYPE_CHECKING:
    from ._tables import Steps, Tables


class Routes:
    """The routes of an app or a router, in order of registration."""

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        # None in the place of a route that was replaced, for a further one of the same handler
        self._places: list[Route | None] = []
        self._vacant: list[tuple[str, int]] = []
        self._by_kind: dict[Kind, tuple[Route, ...]] = {}
        self._bulk_handlers: dict[str, Bulk] = {}
        self._tables: Tables | None = None
        self._is_frozen = False
        for route in routes:
            self.add(route)

    def __iter__(self) -> Iterator[Route]:
        return (route for route in self._places if route is not None)

    @property
    def is_frozen(self) -> bool:
        """Whether an app has included the routes."""
        return self._is_frozen

    def freeze(self) -> None:
        """Take no further route."""
        self._is_frozen = True

    def check(self, route: Route) -> None:
        """Refuse a route that cannot be added.

        Raises:
            ConfigurationError: The routes are frozen, or another handler has its name, and not because its
                module ran again.
        """
        if self._is_frozen:
            raise ConfigurationError(
                f"{route.name}: the router is included already; register handlers before include()"
            )
        for other in self:
            if _are_two(route, other) and not _is_rerun(other, route):
                raise ConfigurationError(
                    f"two handlers are called {route.name}, so their idempotency records would be the same:"
                    " rename one"
                )
            if other.name == route.name and not _are_two(route, other):
                _check_calls(route, other)

    def add(self, route: Route) -> None:
        """Add a route, in the place of those of an earlier run of the handler's module.

        Raises:
            ConfigurationError: As for `check`.
        """
        self.check(route)
        self._tables = None
        self._vacate(route)
        place = min((place for name, place in self._vacant if name == route.name), default=None)
        if place is None:
            self._places.append(route)
            self._offer(route)
            return
        self._vacant.remove((route.name, place))
        self._places[place] = route
        self._by_kind.clear()
        self._bulk_handlers.clear()
        for each in self:
            self._offer(each)

    def _vacate(self, route: Route) -> None:
        for place, other in enumerate(self._places):
            if other is not None and _are_two(route, other):
                self._places[place] = None
                self._vacant.append((route.name, place))

    def _offer(self, route: Route) -> None:
        if route.bulk is not None:
            self._bulk_handlers.setdefault(route.name, route.bulk)
        for kind in route.selection.kinds:
            self._by_kind[kind] = (*self._by_kind.get(kind, ()), route)

    def taking(self, record: StreamRecord) -> Sequence[Route]:
        """Return the routes that take a record, in order, each handler once.

        Raises:
            InvalidRecordError: It cannot be decided for one of them.
        """
        routes = self._by_kind.get(record.kind, ())
        if len(routes) == 1 and routes[0].takes_all:
            return routes
        taking = [route for route in routes if route.takes(record)]
        return taking if len(taking) <= 1 else _sharing(taking, record)

    def bulk_handlers(self) -> Mapping[str, Bulk]:
        """Return the handlers of the second pass by name, in order of registration."""
        return self._bulk_handlers

    def following(self, handler: str, record: StreamRecord) -> Route | None:
        """Return the route of a handler that takes last states, for a record of an item that it has taken."""
        routes = [route for route in self if route.name == handler]
        return next((route for route in routes if route.selection.table in (None, record.table)), None)

    def steps_of(self, columns: Columns) -> Sequence[Steps] | None:
        """Return the handlers of usual records, as `Tables.steps_of` does."""
        tables = self._tables or self.make_tables()
        return tables.steps_of(columns)

    def make_tables(self) -> Tables:
        """Make the tables that lead from usual records to handlers. They hold until a route is added."""
        from ._tables import Tables  # noqa: PLC0415  # cold start: needed with the first batch

        self._tables = Tables(self)
        return self._tables

    def why_not(self, record: StreamRecord, name_of: Callable[[str], str]) -> str:
        """Return why no route takes a record, with handlers named as `name_of` writes them."""
        from ._reasons import reason_for_ignoring  # noqa: PLC0415  # cold start: somebody asks, or nobody

        handlers = [(route.name, route.selection) for route in self]
        return reason_for_ignoring(handlers, record, name_of)

    def near_misses(self) -> Callable[[StreamRecord, AbstractSet[str]], Iterator[str]]:
        """Return what finds the records that nearly fit a route, given the names of those that took any."""
        from ._near_misses import NearMisses  # noqa: PLC0415  # cold start: once a record is ignored

        return NearMisses((route.name, route.selection) for route in self).ignored


class AddressedRoutes:
    """The routes of an app as dead letters find them: each letter goes to the handler that it names."""

    def __init__(self, app: str, routes: Routes) -> None:
        self._app = app
        self._routes = routes

    def bulk_handlers(self) -> Mapping[str, Bulk]:
        """Return the handlers of the second pass by name, in order of registration."""
        return self._routes.bulk_handlers()

    def following(self, handler: str, record: StreamRecord) -> None:  # as of Routes
        """Say that a letter goes to the handler that it names, and to no other."""

    def steps_of(self, columns: Columns) -> None:  # as of Routes
        """Say that no table knows the handlers."""

    def taking(self, record: StreamRecord) -> Sequence[Route]:
        """Return the route of the handler that a dead letter names: the others had the record already.

        Raises:
            InvalidRecordError: The letter is of another app or of an unknown handler, or the same as for
                `Routes.taking`.
        """
        taking, letter, app = self._routes.taking(record), record.letter, self._app
        if letter is None or (letter.handler is None and letter.app == app):
            return taking
        if letter.app != app:
            reason = (
                f"the dead letter is of the app {quoted(letter.app, longest=LONGEST_LABEL)}, not {app!r}:"
                " send it to that app, or give this one its name"
            )
        elif all(route.name != letter.handler for route in self._routes):
            reason = (
                f"the app has no handler {quoted(str(letter.handler), longest=LONGEST_LABEL)}: if it was"
                " renamed, write its new name, which has other idempotency records, or null in the letter;"
                " else load the app under the name that its module had"
            )
        else:
            # the last record of an item may say that it left what the handler looks at
            latest = self._routes.following(str(letter.handler), record)
            is_latest = latest is not None and latest.bulk is not None and latest.bulk.is_latest
            named = [route for route in taking if route.name == letter.handler]
            return named or ([latest] if latest is not None and is_latest else [])
        raise InvalidRecordError(reason, path=("body",), sequence_number=record.sequence_number)


def check_table(table: object) -> None:
    """Refuse what is no name of a table; None is for any.

    Raises:
        ConfigurationError: It is none.
    """
    if table is None or (isinstance(table, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,255}", table)):
        return
    raise ConfigurationError("table must be the name of one table, as text and not an ARN")


def _are_two(one: Route, other: Route) -> bool:
    # compared by equality, since a bound method is another object each time
    return one.name == other.name and one.handler != other.handler


def _is_rerun(earlier: Route, later: Route) -> bool:
    from ._reruns import is_rerun  # noqa: PLC0415  # cold start: no two handlers have one name there

    return is_rerun(earlier.handler, earlier.module_spec, later.handler, later.module_spec)


def _sharing(routes: Iterable[Route], record: StreamRecord) -> Sequence[Route]:
    """Let the handlers of one record share the items that they decode by the same model."""
    decode = _decode_once()
    # a function that was registered twice runs once for a record, since it has one mark
    by_name: dict[str, Route] = {}
    for route in routes:
        if route.bulk is None:
            by_name.setdefault(route.name, route._replace(decode=decode))
        # those of the second pass would keep the items alive until then
        elif route.name not in by_name or (route.bulk.is_latest and _is_in_view(route, record)):
            by_name[route.name] = route
    return [*by_name.values()]


def _is_in_view(route: Route, record: StreamRecord) -> bool:
    """Return whether a record has the item in the view of a route, and not only leaving it."""
    from ._latest import is_in_view  # noqa: PLC0415  # cold start: for handlers of last states

    return is_in_view(route.selection, record)


def _check_calls(one: Route, other: Route) -> None:
    """Refuse a function that is registered twice, to be called in two ways.

    Raises:
        ConfigurationError: The changes of its registrations cannot come in the same list.
    """
    if one.bulk == other.bulk or (one.bulk and other.bulk and one.bulk.calls_like(other.bulk)):
        return
    if one.bulk is None or other.bulk is None or one.bulk.takes_list != other.bulk.takes_list:
        reason = "with and without bulk()"
    elif one.bulk.is_latest != other.bulk.is_latest:
        reason = "with on_latest and with another decorator"
    else:
        reason = "with different arguments of bulk()"
    raise ConfigurationError(
        f"{one.name} is registered twice, {reason}, but all that it takes comes in the same list: register it"
        " in one way, or write two functions"
    )


def _decode_once() -> Decode:
    """Return a decoder for the handlers of one record, which share items of the same model."""
    items: dict[tuple[Any, int], Any] = {}

    def decode_or_share(model: Any, image: Image) -> Any:
        place = model, id(image)
        if place not in items:
            items[place] = decode_exactly(model, image)
        return items[place]

    return decode_or_share
