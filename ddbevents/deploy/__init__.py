"""From an app to its deployment, and the proof that what is deployed is what the app needs."""

from __future__ import annotations

from ._check import Finding, check
from ._errors import DeployError
from ._filters import Filter, FilterCriteria, HandlerFilter, explain_filters, filter_criteria
from ._package import package
from ._policy import PolicyDocument, Statement, role_policy
from ._template import template

__all__ = [
    "DeployError",
    "Filter",
    "FilterCriteria",
    "Finding",
    "HandlerFilter",
    "PolicyDocument",
    "Statement",
    "check",
    "explain_filters",
    "filter_criteria",
    "package",
    "role_policy",
    "template",
]
