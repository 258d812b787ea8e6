"""`filter_criteria` and `explain_filters`: the event filter of an app's event source mapping.

Contract: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypedDict

from ..._app import StreamApp
from ..._changes import Place
from ..._errors import ConfigurationError
from ..._records import ViewType
from ..._routing import Route, routes_of, view_type_of
from ._branches import Branches, includes, joined
from ._packing import Group, packed, pattern_text
from ._selecting import CARRIED, branches_of

_MOST_PATTERNS: Final = 10  # by quota; five unless it was raised


class Filter(TypedDict):
    """One filter of a mapping.

    Attributes:
        Pattern: The pattern, as JSON text.
    """

    Pattern: str


class FilterCriteria(TypedDict):
    """The filters of a mapping, as `CreateEventSourceMapping` and CloudFormation take them.

    Attributes:
        Filters: The filters, one of which must match. Without any, every record reaches the function.
    """

    Filters: list[Filter]


@dataclass(frozen=True, slots=True)
class HandlerFilter:
    """What a filter does for one registration of a handler.

    Attributes:
        handler: The handler's name.
        filters: The places of the filters that let its records through, from 0; none if there are no filters.
        expressed: The names that these look at, as `dynamodb.NewImage.status.S`.
        widened: What a filter cannot say, with the reason. It lets through all records that differ in that
            only, and the app ignores those that no handler takes.
    """

    handler: str
    filters: Sequence[int]
    expressed: Sequence[str]
    widened: Sequence[str]


def filter_criteria(
    app: StreamApp,
    *,
    view_type: ViewType = "NEW_AND_OLD_IMAGES",
    table: str | None = None,
    quota: int = 5,
) -> FilterCriteria:
    """Return the event filter that lets through every record that some handler takes.

    Records that a handler would fail on pass, too. Whatever a filter cannot say is widened, never narrowed:
    a record that Lambda filters out is gone for good.

    Args:
        app: The app.
        view_type: The stream's StreamViewType. No filter looks at an image that it lacks, or that the app's
            own view type lacks.
        table: The name of the stream's table: handlers of other tables are left out. None for all handlers.
        quota: The largest number of filters: 5, or up to 10 if AWS has raised the quota.

    Raises:
        ConfigurationError: No handler would take a record, or an argument is wrong.
    """
    routes, carried = _routes(app, table, quota), _carried(app, view_type)
    groups = _groups(_all_branches(routes, carried), quota)
    return {"Filters": [{"Pattern": pattern_text(group)} for group in groups]}


def explain_filters(
    app: StreamApp,
    *,
    view_type: ViewType = "NEW_AND_OLD_IMAGES",
    table: str | None = None,
    quota: int = 5,
) -> list[HandlerFilter]:
    """Return what `filter_criteria` does for each handler, and what it widened, and why.

    Args:
        app: The app.
        view_type: As for `filter_criteria`.
        table: As for `filter_criteria`.
        quota: As for `filter_criteria`.

    Raises:
        ConfigurationError: As for `filter_criteria`.
    """
    routes, carried = _routes(app, table, quota), _carried(app, view_type)
    groups = _groups(_all_branches(routes, carried), quota)
    return [_explained(route, groups, carried) for route in routes]


def _carried(app: StreamApp, view_type: ViewType) -> Sequence[Place]:
    """Return the parts of a record that filters may look at."""
    if view_type not in [*CARRIED]:
        raise ConfigurationError(f"view_type must be one of {', '.join(CARRIED)}")
    own = CARRIED[view_type_of(app) or view_type]
    return [place for place in CARRIED[view_type] if place in own]


def _routes(app: StreamApp, table: str | None, quota: int) -> list[Route]:
    if isinstance(quota, bool) or quota not in range(1, _MOST_PATTERNS + 1):
        raise ConfigurationError(f"quota must be a whole number from 1 to {_MOST_PATTERNS}")
    routes = [*routes_of(app)]
    if not routes:
        raise ConfigurationError("the app has no handlers, and a filter for none would drop every record")
    of_table = [route for route in routes if table is None or route.selection.table in (None, table)]
    if not of_table:
        tables = sorted({str(route.selection.table) for route in routes})
        raise ConfigurationError(
            f"no handler takes records of the table {table}: the app's handlers are for {', '.join(tables)}"
        )
    return of_table


def _all_branches(routes: Iterable[Route], carried: Sequence[Place]) -> Branches:
    found = joined(
        branch for route in routes for branch in branches_of(route.selection, carried, _ignore_note)
    )
    if not found:
        raise ConfigurationError(
            "no record can satisfy the conditions of any handler: look for a where that contradicts itself or"
            " the model's Literal fields"
        )
    return found


def _ignore_note(name: str, reason: str) -> None:
    """Take no note."""


def _groups(branches: Branches, quota: int) -> Sequence[Group]:
    """Return the groups of branches that make a filter each; none if every record passes."""
    groups = packed(branches, quota)
    return [] if any(not branch for group in groups for branch in group) else groups


def _explained(route: Route, groups: Sequence[Group], carried: Sequence[Place]) -> HandlerFilter:
    notes: dict[str, None] = {}
    own = branches_of(
        route.selection, carried, lambda name, reason: notes.update({f"{name}: {reason}": None})
    )
    if not own:
        notes["where: no record can satisfy it together with the model's Literal fields"] = None
    elif not groups:
        notes["everything: some handler takes every record, so that there is no filter"] = None
    serving = [
        (place, branch)
        for place, group in enumerate(groups)
        for branch in group
        if any(includes(branch, each) for each in own)
    ]
    said = {leaf for _, branch in serving for leaf in branch}
    leaves = dict.fromkeys(leaf for branch in own for leaf in branch)
    for leaf in leaves if groups else ():
        if leaf not in said:
            notes[f"{'.'.join(leaf)}: its filter serves others too, which need a wider one"] = None
    return HandlerFilter(
        handler=route.name,
        filters=[*dict.fromkeys(place for place, _ in serving)],
        expressed=[".".join(leaf) for leaf in leaves if leaf in said],
        widened=[*notes],
    )
