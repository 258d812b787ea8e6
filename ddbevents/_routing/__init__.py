"""From a record to the handlers that take it: decorators, routes, selections and signatures."""

from ._route import Middleware, Route
from ._router import Router, doubts, routes_of, view_type_of
from ._routes import AddressedRoutes, Routes
from ._selection import FORMS, KINDS, Selection

__all__ = [
    "FORMS",
    "KINDS",
    "AddressedRoutes",
    "Middleware",
    "Route",
    "Router",
    "Routes",
    "Selection",
    "doubts",
    "routes_of",
    "view_type_of",
]
