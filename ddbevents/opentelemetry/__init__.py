"""Traces and metrics with OpenTelemetry, whose API the extra `otel` installs."""

from ._instrument import instrument

__all__ = ["instrument"]
