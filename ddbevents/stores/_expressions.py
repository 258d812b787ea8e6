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


class Renderer:
    """Renders the writes of one request. A condition that many of them share is rendered once."""

    def __init__(self) -> None:
        # with the condition, since another one may get the identity of one that is gone
        self._conditions: dict[int, tuple[Condition, dict[str, Any]]] = {}

    def render(self, write: Write, index: int) -> Action:
        """Return the action for a write.

        Args:
            write: The write.
            index: The write's place in its transaction, for errors.

        Raises:
            TransactionError: The write's condition or update is longer than DynamoDB takes.
        """
        match write:
            case Put(table, item, when):
                return {"Put": {"TableName": table, "Item": item, **self._shared(write, when, index)}}
            case Update(table, key):
                return {"Update": {"TableName": table, "Key": key, **_arguments(write, write.when, index)}}
            case Delete(table, key, when):
                return {"Delete": {"TableName": table, "Key": key, **self._shared(write, when, index)}}
            case Check(table, key, when):
                when = Condition("exists", tuple(key)[:1]) if when is None else when
                shared = self._shared(write, when, index)
                return {"ConditionCheck": {"TableName": table, "Key": key, **shared}}
            case raw:
                return {raw.operation: dict(raw.request)}

    def _shared(self, write: Write, when: Condition | None, index: int) -> dict[str, Any]:
        if when is None:
            return {}
        known, arguments = self._conditions.get(id(when), (None, {}))
        if known is None:
            arguments = _arguments(write, when, index)
            self._conditions[id(when)] = when, arguments
        return arguments


def _arguments(write: Write, when: Condition | None, index: int) -> dict[str, Any]:
    """Return boto3's arguments for the expressions of a write, in which each value has a placeholder."""
    placeholders = _Placeholders()
    expressions = {}
    if isinstance(write, Update):
        expressions["UpdateExpression"] = _update(write, placeholders)
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
    return {**expressions, **placeholders.arguments()}


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
        arguments: dict[str, Any] = {"ExpressionAttributeNames": names}
        if self._values:
            arguments["ExpressionAttributeValues"] = self._values
        return arguments


def _update(update: Update, placeholders: _Placeholders) -> str:
    clauses: list[str] = []

    def clause(word: str, operator: str, values: EncodedItem) -> None:
        terms = [
            f"{placeholders.name(name)}{operator}{placeholders.value(value)}"
            for name, value in values.items()
        ]
        if terms:
            clauses.append(f"{word} {', '.join(terms)}")

    clause("SET", " = ", update.set)
    if update.remove:
        clauses.append(f"REMOVE {', '.join(map(placeholders.name, update.remove))}")
    clause("ADD", " ", update.add)
    clause("DELETE", " ", update.delete)
    return " ".join(clauses)


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
