"""Whether the streams carry what the handlers need, and the filters let it through."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, cast

from ..._records import ViewType
from ..._routing import Route
from .._needs import VIEW_TYPES, Needs, names_in
from .._writes import tables_of
from ._filters import check_filters
from ._findings import Finding, error, warning
from ._live import AwsJson, Live
from ._mappings import name_of, source_of
from ._samples import Stream

_MOST_READERS: Final = 2  # a third reader of a shard throttles the others
_IMAGES: Final = {"NewImage": "the new image", "OldImage": "the old image"}


def check_streams(needs: Needs, live: Live) -> Iterator[Finding]:
    """Yield what is wrong with the tables' streams."""
    for mapping in live.mappings:
        if source_of(mapping) == "dynamodb":
            yield from _check_stream(needs, live, mapping)


def _check_stream(needs: Needs, live: Live, mapping: AwsJson) -> Iterator[Finding]:
    arn = str(mapping["EventSourceArn"])
    name = arn.split("/")[1]
    table = live.table(name)
    setting = {} if table is None else table.get("StreamSpecification", {})
    if table is None or not setting.get("StreamEnabled"):
        yield error(
            "stream-disabled",
            f"{name_of(mapping)} reads a stream, and the table {name} has none now",
            "enable the table's stream, and map the new stream, which has another ARN",
        )
        return
    if table.get("LatestStreamArn", arn) != arn:
        yield error(
            "old-stream",
            f"{name_of(mapping)} reads an earlier stream of the table {name}, to which nothing is written",
            f"map {table['LatestStreamArn']}",
        )
    view_type = cast("ViewType", setting["StreamViewType"])
    routes = [route for route in needs.routes if route.selection.table in {None, name}]
    yield from _lacking_images(routes, name, view_type)
    yield from check_filters(routes, mapping, Stream(arn, view_type, table))
    yield from _loops(routes, name)
    if len(live.mappings_of(arn)) > _MOST_READERS:
        yield warning(
            "readers",
            f"more than {_MOST_READERS} event source mappings read the stream of the table {name}, which"
            " throttles them all",
            "let one function read the stream and pass the changes on, for example through EventBridge",
        )


def _lacking_images(routes: list[Route], table: str, view_type: ViewType) -> Iterator[Finding]:
    for route in routes:
        selection = route.selection
        needed = {place for kind in sorted(selection.kinds - {"SNAPSHOT"}) for place in selection.needs(kind)}
        if lacking := sorted(needed - VIEW_TYPES[view_type]):
            yield error(
                "view-type",
                f"{route.name} needs {' and '.join(_IMAGES[place] for place in lacking)}, which the stream of"
                f" the table {table} does not carry: it is {view_type}",
                "set another StreamViewType, which makes a new stream, or use a decorator that does without",
            )


def _written(route: Route) -> Collection[str]:
    """Return the tables that a handler's code writes to; all names in it if it does not say."""
    tables = tables_of(route.handler)
    return names_in(route.handler) if tables is None else tables


def _loops(routes: list[Route], table: str) -> Iterator[Finding]:
    for route in routes:
        if route.transactional and table in _written(route):
            yield warning(
                "loop",
                f"{route.name} takes a transaction and names the table {table}, whose stream it reads: each"
                " write there makes a record that comes back",
                "write to another table, or let the handler not take the records of its own writes",
            )
