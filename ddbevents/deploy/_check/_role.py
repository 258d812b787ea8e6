"""Whether the function's role may read the streams and keep idempotency records, as IAM itself decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from .._errors import DeployError
from .._needs import Needs
from ._findings import Finding, error, warning
from ._live import Live
from ._mappings import source_of
from ._table import name_there

_READING: Final = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
_KEEPING: Final = ("dynamodb:BatchGetItem", "dynamodb:BatchWriteItem")


def check_role(needs: Needs, live: Live) -> Iterator[Finding]:
    """Yield what the role lacks."""
    role = str(live.function.get("Role", ""))
    for actions, resource in _needed(needs, live):
        try:
            denied = _denied(live, role, actions, resource)
        except DeployError as refusal:
            yield warning(
                "role-unread",
                f"whether the role may do what the app does cannot be decided: {refusal}",
                "allow iam:SimulatePrincipalPolicy to whoever runs the check",
            )
            return
        if denied:
            yield error(
                "role-denied",
                f"the function's role may not {' and '.join(denied)} on {resource}",
                "allow it: ddbevents policy prints what the role needs",
            )


def _needed(needs: Needs, live: Live) -> Iterator[tuple[Sequence[str], str]]:
    for mapping in live.mappings:
        if source_of(mapping) == "dynamodb":
            yield _READING, str(mapping["EventSourceArn"])
    name = name_there(needs, live)
    table = None if name is None else live.table(name)
    if table is not None:
        is_transactional = any(route.transactional for route in needs.routes)
        yield (*_KEEPING, *(("dynamodb:PutItem",) if is_transactional else ())), str(table["TableArn"])


def _denied(live: Live, role: str, actions: Sequence[str], resource: str) -> list[str]:
    answer = live.ask(
        "iam",
        "simulate_principal_policy",
        PolicySourceArn=role,
        ActionNames=[*actions],
        ResourceArns=[resource],
    )
    results = [] if answer is None else answer["EvaluationResults"]
    allowed = {each["EvalActionName"] for each in results if each["EvalDecision"] == "allowed"}
    return [action for action in actions if action not in allowed]
