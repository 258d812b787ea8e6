"""The event filter that an app's handlers need: records that none of them takes do not reach the function."""

from ._criteria import Filter, FilterCriteria, HandlerFilter, explain_filters, filter_criteria

__all__ = ["Filter", "FilterCriteria", "HandlerFilter", "explain_filters", "filter_criteria"]
