"""Faults in the library's own source, planted for a test."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def load(*packages: str) -> None:
    """Import all modules of packages: one that is first imported beside a fault would keep a part of it."""
    for package in packages:
        for module in iter_modules(import_module(package).__path__, f"{package}."):
            import_module(module.name)
