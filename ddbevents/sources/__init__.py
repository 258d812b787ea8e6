"""Where records come from beside Lambda's event: a stream itself. boto3 is loaded by the first request."""

from __future__ import annotations

from ._reader import StreamReader

__all__ = ["StreamReader"]
