"""A finding: something about a deployment that loses records, or may."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Severity: TypeAlias = Literal["error", "warning"]


class Finding(NamedTuple):
    """A difference between a deployment and what its app needs.

    Attributes:
        severity: `"error"` if records are lost, or none arrive; `"warning"` if that can happen.
        code: A short name that stays the same, for a program.
        message: What is wrong, and where.
        cure: What to do.
    """

    severity: Severity
    code: str
    message: str
    cure: str


def error(code: str, message: str, cure: str) -> Finding:
    """Return a finding that loses records, or keeps them from the function."""
    return Finding("error", code, message, cure)


def warning(code: str, message: str, cure: str) -> Finding:
    """Return a finding that may do so."""
    return Finding("warning", code, message, cure)
