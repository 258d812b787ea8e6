"""From a record to the handlers that take it: decorators, routes, conditions and signatures."""

from ._router import Router
from ._routes import Middleware, Route, takers

__all__ = [
    "Middleware",
    "Route",
    "Router",
    "takers",
]
