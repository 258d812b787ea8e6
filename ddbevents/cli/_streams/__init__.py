"""TABLE: the stream that a command follows, who reads it besides, and the endpoint where it is."""

from ._endpoint import use_endpoint
from ._find import LOCAL, FoundStream, find_stream
from ._moment import moment_before
from ._pages import pages_of
from ._readers import advice_on_readers

__all__ = [
    "LOCAL",
    "FoundStream",
    "advice_on_readers",
    "find_stream",
    "moment_before",
    "pages_of",
    "use_endpoint",
]
