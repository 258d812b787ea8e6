"""The package of an app: its files and its dependencies, as Lambda runs them."""

from __future__ import annotations

from ._package import package

__all__ = ["package"]
