"""From an app's code to its deployment: the event filter, and what else AWS has to be told about it."""

from ._filters import Filter, FilterCriteria, HandlerFilter, explain_filters, filter_criteria

__all__ = ["Filter", "FilterCriteria", "HandlerFilter", "explain_filters", "filter_criteria"]
