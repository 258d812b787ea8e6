"""Whether a deployed function is wired as its app needs it: one file an area."""

from __future__ import annotations

from ._check import check, function_variables
from ._findings import Finding
from ._live import Session

__all__ = ["Finding", "Session", "check", "function_variables"]
