"""Developing against a real table: its stream, the mapping's rules, and an app that restarts on save."""

from ._deliveries import MappingOptions
from ._screen import Screen
from ._session import Session

__all__ = ["MappingOptions", "Screen", "Session"]
