"""AWS clients, one for each process; `_aws.sdk`, which makes them, and `_aws.direct` load boto3."""

from __future__ import annotations

from ._client import ClientPerProcess, DynamoDBClient, Request, check_boto3

__all__ = ["ClientPerProcess", "DynamoDBClient", "Request", "check_boto3"]
