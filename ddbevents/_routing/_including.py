"""What an app may include. Imported by apps that include routers."""

from __future__ import annotations

from .._errors import ConfigurationError
from ._router import Router, routes_of, view_type_of
from ._routes import Routes


def included(router: object, app: Router, app_type: type[Router]) -> Routes:
    """Return the routes of a router that an app includes, and take no further ones.

    Raises:
        ConfigurationError: It is no router, or an app, or the app's stream cannot serve it.
    """
    # of an app only the handlers would come along, without its store and its middleware
    if isinstance(router, app_type):
        raise ConfigurationError("include takes a Router, not an app: register its handlers with a Router")
    if not isinstance(router, Router):
        raise ConfigurationError("include takes a Router, an instance: pass the router that has the handlers")
    routes = routes_of(router)
    if (view_type := view_type_of(app)) is not None:
        from ._view_types import check_router  # noqa: PLC0415  # for apps with a view type

        check_router(routes, view_type_of(router), view_type)
    routes.freeze()
    return routes
