"""The error of everything around a deployment."""

from __future__ import annotations

from .._errors import DDBEventsError


class DeployError(DDBEventsError):
    """A deployment cannot be described, packed or looked at; the message says why, and what to do."""
