"""Functions that write the items of one model, generated as Python source from its core schema.

    class Line(BaseModel):          def write_0(item, room):
        sku: str                        if room < 2: raise UndecidedError
        prices: list[Decimal]           fields = item.__dict__
                                        if tuple(fields) != names_0: raise UndecidedError
                                        value_0, value_1, = fields.values()
                                        return {"M": {
                                            "sku": {"S": value_0} if type(value_0) is str else undecided(),
                                            "prices": ({"L": [...]} if type(value_1) is list else ...),
                                        }}

A value is written if its type is exactly the one that the schema names: it is written as pydantic and the
writers would write it. Otherwise, and for a schema that says how it is serialized, the function gives up, and
these decide. All that the source has of the model's own words is the names of attributes, as literals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import NoneType
from typing import Any, Final, NoReturn, TypeAlias
from uuid import UUID

from pydantic_core import core_schema

from .._attributes import MAX_DEPTH, MOST_DIGITS, exact_decimal
from ._model import Schema, definitions_of, named_fields, nodes_to_record
from ._nodes import is_serialized
from ._rules import extra_behavior
from ._writers import (
    UndecidedError,
    Write,
    write_float,
    write_json,
    write_other,
    write_plain,
    write_plain_set,
)

Cases: TypeAlias = dict[type, str]
"""The expressions that write a value, by its type; `object` stands for any other type."""


class CannotGenerateError(Exception):
    """Something in the model may be written otherwise than its values say."""


def generate_writer(model: Any, schema: Schema) -> Write | None:
    """Return the function that writes items of a model; None if its schema says how it is serialized.

    Args:
        model: A pydantic model.
        schema: The core schema that it is written by.
    """
    source = _Source(definitions_of(schema))
    try:
        cases = source.cases(schema["schema"] if schema["type"] == "definitions" else schema, "item", 0)
        return source.compiled(cases[model])
    # another type of root than the model, or a source that is nested too deep for Python
    except (CannotGenerateError, KeyError, MemoryError, RecursionError, SyntaxError):
        return None


class _Source:
    """The source of a model's functions while it is made, with one function for each node of a class."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        self._unfinished: set[str] = set()
        self._functions: dict[int, str] = {}
        self._types: dict[type, str] = {}
        self._text: list[str] = []
        self._names: dict[str, Any] = {**_NAMES}
        self._levels = 0

    def compiled(self, expression: str) -> Write:
        """Return the function whose value is an expression of `item` and `room`."""
        text = "".join([*self._text, f"def write(item, room): return {expression}\n"])
        exec(text, self._names)  # noqa: S102  # the module's docstring says what is in it
        write: Write = self._names["write"]
        return write

    def cases(self, schema: Schema, value: str, level: int) -> Cases:
        """Return the expressions that write a value.

        Args:
            schema: The schema of the value.
            value: The value in the source.
            level: How many levels it is below the item that the function writes.
        """
        rule = _RULES.get(schema["type"])
        if rule is None or level > MAX_DEPTH or is_serialized(schema):
            raise CannotGenerateError
        return rule(self, schema, value, level)

    def expression(self, schema: Schema, value: str, level: int) -> str:
        """Return the expression that writes a value, or gives up if the schema does not name its type."""
        cases = self.cases(schema, value, level)
        last = cases.pop(object, "undecided()")
        tests = (f"{text} if type({value}) is {self._name(kind)} else " for kind, text in cases.items())
        return f"({''.join(tests)}{last})"

    def _name(self, kind: type) -> str:
        name = self._types.setdefault(kind, f"type_{len(self._types)}")
        self._names[name] = kind
        return name

    def members(self, items: Schema, value: str, level: int) -> str:
        """Return the expression that writes a list with members of one schema."""
        member = f"member_{level}"
        return f'{{"L": [{self.inside(items, member, level)} for {member} in {value}]}}'

    def inside(self, schema: Schema, member: str, level: int) -> str:
        """Return the expression that writes a member of a list or map, which takes a level."""
        self._levels = max(self._levels, level + 1)
        return self.expression(schema, member, level + 1)

    def reference(self, schema: Schema, value: str, level: int) -> Cases:
        """Return the expressions of a definition."""
        definition = self._definitions[ref := schema["schema_ref"]]
        if definition["type"] == "model":
            return self.cases(definition, value, level)
        # only functions can call themselves
        if ref in self._unfinished:
            raise CannotGenerateError
        self._unfinished.add(ref)
        cases = self.cases(definition, value, level)
        self._unfinished.discard(ref)
        return cases

    def model(self, schema: Schema, value: str, level: int) -> Cases:
        """Return the call of a class's function, which is made on first use."""
        if schema.get("root_model"):
            raise CannotGenerateError
        function = self._functions.get(id(schema))
        if function is None:
            # known before it is finished, since it may call itself
            function = self._functions[id(schema)] = f"write_{len(self._functions)}"
            self._add_function(function, schema)
        return {schema["cls"]: f"{function}({value}, room - {level})"}

    def _add_function(self, function: str, schema: Schema) -> None:
        levels, self._levels = self._levels, 1
        *around, record = nodes_to_record(schema)
        if record["type"] != "model-fields" or record.get("computed_fields"):
            raise CannotGenerateError
        fields = dict(named_fields(record))
        if any(map(is_serialized, (*around, record, *fields.values()))):
            raise CannotGenerateError
        names = f"names_of_{function}"
        self._names[names] = (*fields,)
        keeps_others = extra_behavior(record, schema.get("config") or {}) == "allow"
        others = " or item.__pydantic_extra__" if keeps_others else ""
        values = [f"value_{index}" for index in range(len(fields))]
        members = "".join(
            f"        {field.get('serialization_alias', name)!r}: "
            f"{self.expression(field['schema'], value, 1)},\n"
            for value, (name, field) in zip(values, fields.items(), strict=True)
        )
        self._text.append(
            f"def {function}(item, room):\n"
            "    fields = item.__dict__\n"
            f"    if room < {self._levels} or tuple(fields) != {names}{others}: undecided()\n"
            f"    [{', '.join(values)}] = fields.values()\n"
            f'    return {{"M": {{\n{members}    }}}}\n'
        )
        self._levels = levels


_Rule: TypeAlias = Callable[[_Source, Schema, str, int], Cases]
"""Returns the cases of one type of node."""


def _within(source: _Source, schema: Schema, value: str, level: int) -> Cases:
    """Write a node as the one inside it, as pydantic does."""
    return source.cases(schema["schema"], value, level)


def _chain(source: _Source, schema: Schema, value: str, level: int) -> Cases:
    """Write a node as its last step, as pydantic does."""
    return source.cases(schema["steps"][-1], value, level)


def _nullable(source: _Source, schema: Schema, value: str, level: int) -> Cases:
    return _within(source, schema, value, level) | {NoneType: _LEAVES[NoneType]}


def _union(source: _Source, schema: Schema, value: str, level: int) -> Cases:
    choices = schema["choices"]
    members = [*choices.values()] if isinstance(choices, dict) else choices
    cases: Cases = {}
    for member in members:
        each = source.cases(member[0] if isinstance(member, tuple) else member, value, level)
        # pydantic tries its members in turn: which one it takes is clear only if types tell them apart
        if object in each or any(cases.get(kind, text) != text for kind, text in each.items()):
            raise CannotGenerateError
        cases |= each
    return cases


def _list(source: _Source, schema: Schema, value: str, level: int) -> Cases:
    return {list: source.members(schema.get("items_schema") or _ANY, value, level)}


def _tuple(source: _Source, schema: Schema, value: str, level: int) -> Cases:
    items = schema["items_schema"]
    if len(items) > 1 or schema.get("variadic_item_index") != 0:
        raise CannotGenerateError
    return {tuple: source.members(items[0], value, level)}


def _dict(source: _Source, schema: Schema, value: str, level: int) -> Cases:
    name, member = f"name_{level}", f"member_{level}"
    # names that are no text give up at run time, but their schema must not say how they are serialized
    source.cases(schema.get("keys_schema") or _ANY, name, level)
    inside = source.inside(schema.get("values_schema") or _ANY, member, level)
    image = f'{{"M": {{{name}: {inside} for {name}, {member} in {value}.items()}}}}'
    return {dict: f"({image} if {{*map(type, {value})}} <= texts else undecided())"}


def _set(source: _Source, schema: Schema, value: str, level: int) -> Cases:
    kinds = source.cases(schema.get("items_schema") or _ANY, value, level).keys()
    # in the order of the new set that pydantic makes of it
    texts = f'({{"SS": [*{{*[*{value}]}}]}} if {{*map(type, {value})}} == texts else undecided())'
    return {_SETS[schema["type"]]: texts if kinds == {str} else f"write_plain_set({value})"}


def _enum(_: _Source, schema: Schema, value: str, level: int) -> Cases:
    return {schema["cls"]: f"write_other({value}, room - {level})"}


def _literal(_: _Source, schema: Schema, value: str, __: int) -> Cases:
    kinds = {type(choice): None for choice in schema["expected"]}
    if not kinds.keys() <= _LEAVES.keys():
        raise CannotGenerateError
    return {kind: _LEAVES[kind].replace("value", value) for kind in kinds}


def _any(_: _Source, __: Schema, value: str, level: int) -> Cases:
    return {object: f"write_plain({value}, room - {level})"}


def _leaf(kind: type) -> _Rule:
    return lambda _, __, value, ___: {kind: _LEAVES[kind].replace("value", value)}


def _undecided() -> NoReturn:
    raise UndecidedError


_ANY: Final = core_schema.any_schema()
_SETS: Final[Mapping[str, type]] = {"set": set, "frozenset": frozenset}
_LEAVES: Final[Mapping[type, str]] = {
    str: '{"S": value}',
    bool: '{"BOOL": value}',
    int: f'({{"N": f"{{value}}"}} if -1{"0" * MOST_DIGITS} < value < 1{"0" * MOST_DIGITS} else undecided())',
    NoneType: '{"NULL": True}',
    bytes: '{"B": value}',
    Decimal: (
        '({"N": str(number) if number else "0"}'
        " if (number := exact_decimal(value)).is_finite() else undecided())"
    ),
    float: "write_float(value, 0)",
    **dict.fromkeys((datetime, date, time, timedelta, UUID), "write_json(value, 0)"),
}
_RULES: Final[Mapping[str, _Rule]] = {
    # pydantic calls them by the names of their types, in small letters
    **{kind.__name__.lower(): _leaf(kind) for kind in _LEAVES if kind is not NoneType},
    "none": _leaf(NoneType),
    "any": _any,
    "literal": _literal,
    "enum": _enum,
    "nullable": _nullable,
    "chain": _chain,
    "default": _within,
    "function-before": _within,
    "function-after": _within,
    "union": _union,
    "tagged-union": _union,
    "definition-ref": _Source.reference,
    "list": _list,
    "tuple": _tuple,
    "dict": _dict,
    "set": _set,
    "frozenset": _set,
    "model": _Source.model,
}
_NAMES: Final[Mapping[str, object]] = {
    "exact_decimal": exact_decimal,
    "texts": frozenset({str}),
    "undecided": _undecided,
    "write_float": write_float,
    "write_json": write_json,
    "write_other": write_other,
    "write_plain": write_plain,
    "write_plain_set": write_plain_set,
}
