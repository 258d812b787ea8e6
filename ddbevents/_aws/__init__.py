"""What stores and sinks have in common on AWS; boto3 is loaded with the first request, not before."""

from __future__ import annotations

from ._client import ClientOfProcess, Request, check_boto3

__all__ = ["ClientOfProcess", "Request", "check_boto3"]
