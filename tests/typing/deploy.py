"""What deployment takes and gives."""

from __future__ import annotations

from typing import assert_type

from ddbevents import StreamApp
from ddbevents.deploy import (
    FilterCriteria,
    HandlerFilter,
    PolicyDocument,
    explain_filters,
    filter_criteria,
    role_policy,
)

app = StreamApp("shop")

assert_type(filter_criteria(app, view_type="NEW_IMAGE", table="shop", quota=10), FilterCriteria)
assert_type(filter_criteria(app)["Filters"][0]["Pattern"], str)
assert_type(explain_filters(app), list[HandlerFilter])
assert_type(role_policy(app, stream_arn="arn", tables={"totals": ["update"]}), PolicyDocument)
assert_type(role_policy(app, stream_arn="arn")["Statement"][0]["Action"], list[str])

filter_criteria(app, view_type="NEW")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
explain_filters(app, table=["shop"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
role_policy(app)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
role_policy(app, stream_arn="arn", tables=["totals"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
