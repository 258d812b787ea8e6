"""The reasons why records may never come to a handler. Imported if there may be one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ._routes import Routes

_MOST_NAMED: Final = 5  # handlers in a line of the log


def doubts(routes: Routes, routers: Iterable[Routes]) -> Iterator[str]:
    """Yield why records may never come to a handler.

    Args:
        routes: The routes of an app.
        routers: Those of all routers that are no apps.
    """
    if next(iter(routes), None) is None:
        yield (
            "the app has no handlers, so it ignores every record: import the modules that register them,"
            " or include() their router"
        )
    if forgotten := _forgotten(routers):
        more = f" and {len(forgotten) - _MOST_NAMED} more" if len(forgotten) > _MOST_NAMED else ""
        yield (
            f"no app includes the router of {', '.join(forgotten[:_MOST_NAMED])}{more}, so no record"
            " comes there: call app.include(router)"
        )


def _forgotten(routers: Iterable[Routes]) -> list[str]:
    """Return the names of the handlers of all routers that no app has included."""
    return [route.name for each in routers if not each.is_frozen for route in each]
