"""A transaction's writes rendered as DynamoDB actions, with their expressions.

Contract: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from .._attributes import AttributeValue
from .._conditions import Condition, Junction, Operator
from .._errors import AttributePath, TransactionError
from .._transaction import Check, Delete, EncodedItem, Put, Update, Write

Action: TypeAlias = dict[str, dict[str, Any]]
"""One of the `TransactItems` of boto3's `transact_write_items`."""

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_LONGEST_EXPRESSION: Final = 4096
_MOST_OPERATORS: Final = 300

_COMPARISONS: Final[Mapping[Operator | Junction, str]] = {
    "eq": "{} = {}",
    "ne": "{} <> {}",
    "lt": "{} < {}",
    "lte": "{} <= {}",
    "gt": "{} > {}",
    "gte": "{} >= {}",
    "begins_with": "begins_with({}, {})",
    "contains": "contains({}, {})",
    "exists": "attribute_exists({})",
    "not_exists": "attribute_not_exists({})",
}


def render(write: Write, index: int) -> Action:
    """Return the action for a write.

    Args:
        write: The write.
        index: The write's place in its transaction, for errors.

    Raises:
        TransactionError: The write's condition or update is longer than DynamoDB takes.
    """
    match write:
        case Put():
            return {"Put": _request(write, {"Item": write.item}, index, when=write.when)}
        case Update():
            return {"Update": _request(write, {"Key": write.key}, index, update=write, when=write.when)}
        case Delete():
            return {"Delete": _request(write, {"Key": write.key}, index, when=write.when)}
        case Check():
            is_there = Condition("exists", tuple(write.key)[:1])
            when = is_there if write.when is None else write.when
            return {"ConditionCheck": _request(write, {"Key": write.key}, index, when=when)}
        case raw:
            return {raw.operation: dict(raw.request)}


def _request(
    write: Write,
    content: Mapping[str, EncodedItem],
    index: int,
    *,
    update: Update | None = None,
    when: Condition | None = None,
) -> dict[str, Any]:
    placeholders = _Placeholders()
    expressions = {}
    if update is not None:
        expressions["UpdateExpression"] = _update(update, placeholders)
    if when is not None:
        expressions["ConditionExpression"] = _condition(when, placeholders)
    if any(len(expression) > _LONGEST_EXPRESSION for expression in expressions.values()) or (
        when is not None and _operators(when) > _MOST_OPERATORS
    ):
        raise TransactionError(
            f"write {index}, to table {write.table!r}, is too long: an expression has at most"
            f" {_LONGEST_EXPRESSION} characters and {_MOST_OPERATORS} operators",
            index=index,
            table=write.table,
        )
    return {"TableName": write.table, **content, **expressions, **placeholders.arguments()}


class _Placeholders:
    """The placeholders of an action: for names, since many are reserved words, and for values."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, AttributeValue] = {}

    def name(self, name: str) -> str:
        return self._names.setdefault(name, f"#{len(self._names)}")

    def path(self, path: AttributePath) -> str:
        parts = (f"[{part}]" if isinstance(part, int) else f".{self.name(part)}" for part in path)
        return "".join(parts).removeprefix(".")

    def value(self, value: AttributeValue) -> str:
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = value
        return placeholder

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of boto3's that define the placeholders; DynamoDB refuses an empty map."""
        names = {placeholder: name for name, placeholder in self._names.items()}
        arguments = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": self._values}
        return {argument: content for argument, content in arguments.items() if content}


def _update(update: Update, placeholders: _Placeholders) -> str:
    def clause(word: str, template: str, values: EncodedItem) -> str:
        terms = [
            template.format(placeholders.name(name), placeholders.value(value))
            for name, value in values.items()
        ]
        return f"{word} {', '.join(terms)}" if terms else ""

    removed = ", ".join(map(placeholders.name, update.remove))
    clauses = (
        clause("SET", "{} = {}", update.set),
        f"REMOVE {removed}" if removed else "",
        clause("ADD", "{} {}", update.add),
        clause("DELETE", "{} {}", update.delete),
    )
    return " ".join(filter(None, clauses))


def _condition(condition: Condition, placeholders: _Placeholders) -> str:
    match condition.operator:
        case "and" | "or" as junction:
            parts = (_condition(part, placeholders) for part in condition.conditions)
            return f"({f' {junction.upper()} '.join(parts)})"
        case "not":
            return f"(NOT {_condition(condition.conditions[0], placeholders)})"
        case comparison:
            path = placeholders.path(condition.path)
            return _comparison(comparison, path, [placeholders.value(value) for value in condition.operands])


def _comparison(operator: Operator, path: str, operands: list[str]) -> str:
    match operator:
        case "is_in":
            return f"{path} IN ({', '.join(operands)})"
        case "between":
            # DynamoDB refuses BETWEEN with a low value above the high one; here such a condition is false
            return f"({path} >= {operands[0]} AND {path} <= {operands[1]})"
        case _:
            return _COMPARISONS[operator].format(path, *operands)


def _operators(condition: Condition) -> int:
    inside = sum(map(_operators, condition.conditions))
    match condition.operator:
        case "and" | "or":
            return inside + len(condition.conditions) - 1
        case "between":
            return 3
        case _:
            return inside + 1
