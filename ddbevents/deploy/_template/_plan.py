"""What goes into the template of an app, and under which environment variables the function finds it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, cast

from ..._app import StreamApp
from ..._errors import ConfigurationError
from ..._records import ViewType
from .._filters import filter_criteria
from .._needs import VIEW_TYPES, Needs, needs_of, variables_with
from .._policy import Statement, role_policy
from ._parts import Syntax, ref

Architecture = Literal["arm64", "x86_64"]

_QUEUE: Final = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${DeadLetterQueue.QueueName}"
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"


class Plan(NamedTuple):
    """The settings of a template.

    Attributes:
        needs: What the app needs.
        syntax: Which kind of template.
        handler: Lambda's name of the app.
        runtime: The runtime's name.
        architecture: Of the function.
        code: The path of the package.
        patterns: The event filter.
        table_variable: The variable with the idempotency table's name; None if the code has the name.
        letters_variable: The variable with the dead-letter queue's URL or the bucket's name.
        statements: What the function's role may do.
        parameters: Other variables that the app reads: each becomes a parameter.
    """

    needs: Needs
    syntax: Syntax
    handler: str
    runtime: str
    architecture: Architecture
    code: str
    patterns: Sequence[Mapping[str, str]]
    table_variable: str | None
    letters_variable: str | None
    statements: Sequence[Statement]
    parameters: Mapping[str, str]

    @property
    def has_table(self) -> bool:
        """Whether the template makes an idempotency table."""
        return self.needs.table is not None

    @property
    def has_queue(self) -> bool:
        """Whether the template makes a queue for dead letters."""
        return self.needs.queue is not None and self.letters_variable is not None

    @property
    def has_bucket(self) -> bool:
        """Whether the template makes a bucket for dead letters."""
        return self.needs.bucket is not None and self.letters_variable is not None

    @property
    def environment(self) -> Mapping[str, Any]:
        """The function's variables."""
        letters = "DeadLetterQueue" if self.has_queue else "DeadLetterBucket"
        return {
            **({self.table_variable: ref("IdempotencyTable")} if self.table_variable else {}),
            **({self.letters_variable: ref(letters)} if self.letters_variable else {}),
            **{variable: ref(parameter) for variable, parameter in self.parameters.items()},
        }


def plan_of(
    app: StreamApp,
    *,
    syntax: Syntax,
    view_type: ViewType | None,
    tables: Mapping[str, Iterable[str]] | None,
    variables: Iterable[str],
    **names: Any,
) -> Plan:
    """Return what goes into the template of an app.

    Raises:
        ConfigurationError: A setting is wrong or missing, or the app has no handlers.
    """
    needs = needs_of(app)
    if syntax not in {"sam", "cloudformation"}:
        raise ConfigurationError('syntax must be "sam" or "cloudformation"')
    if view_type not in {None, *VIEW_TYPES}:
        raise ConfigurationError(f"view_type must be one of {', '.join(VIEW_TYPES)}")
    carried = view_type or needs.view_type or "NEW_AND_OLD_IMAGES"
    table_variable = _variable(needs.table)
    letters_variable = _variable(needs.queue or needs.bucket)
    others = sorted({*variables} - {table_variable, letters_variable})
    return Plan(
        needs=needs,
        syntax=syntax,
        patterns=cast("Sequence[Mapping[str, str]]", filter_criteria(app, view_type=carried)["Filters"]),
        statements=_statements(app, needs, letters_variable, tables),
        table_variable=table_variable,
        letters_variable=letters_variable,
        parameters={variable: _parameter(variable) for variable in others},
        **names,
    )


def _statements(
    app: StreamApp, needs: Needs, letters_variable: str | None, tables: Mapping[str, Iterable[str]] | None
) -> Sequence[Statement]:
    letters = None
    if needs.queue is not None and letters_variable is not None:
        letters = _QUEUE
    elif needs.queue is not None and "amazonaws.com" not in needs.queue:
        raise ConfigurationError(
            "the URL of the dead-letter queue is in the code and does not tell its ARN: read it from an"
            " environment variable, which the template sets"
        )
    elif needs.bucket is not None and letters_variable is not None:
        letters = "arn:${AWS::Partition}:s3:::${DeadLetterBucket}"
    return role_policy(
        app,
        stream_arn="${StreamArn}",
        idempotency_table=None if needs.table is None else "${IdempotencyTable}",
        tables=tables,
        dead_letters=letters,
        failure_destination="arn:${AWS::Partition}:s3:::${FailureBucket}",
    )["Statement"]


def _variable(value: str | None) -> str | None:
    return next(iter(variables_with(value)), None) if value else None


def _parameter(variable: str) -> str:
    if not re.fullmatch(_NAME, variable):
        raise ConfigurationError(f"{variable!r} is no name of an environment variable")
    return "".join(part.title() for part in variable.split("_"))
