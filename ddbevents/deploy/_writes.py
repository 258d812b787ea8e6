"""The tables that a handler's transaction writes to, as far as its source text says so."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

WRITES: Final = ("put", "update", "delete", "check")
"""The methods of a transaction that name their table."""

Tables: TypeAlias = Mapping[str, frozenset[str]]
"""The writes to each table."""

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def tables_of(handler: Callable[..., object]) -> Tables | None:
    """Return the tables that a handler names in its calls of `put`, `update`, `delete` and `check`.

    Returns:
        None if it may write to others: if it does anything else with the transaction, or a table's name is
        neither a text in its code nor a constant of its module.
    """
    # a decorator may write as well, and inspect would show the source of the function in it
    node = None if hasattr(handler, "__wrapped__") else _definition(handler)
    if node is None:
        return None
    name = _transaction_name(node, is_method=inspect.ismethod(handler))
    constants = _constants(node, handler)
    writes = [*_writes(node, name, constants)]
    uses = [each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id == name]
    if len(uses) > len(writes):
        return None
    tables: dict[str, frozenset[str]] = {}
    for table, write in writes:
        tables[table] = tables.get(table, frozenset()) | {write}
    return tables


def _definition(function: Callable[..., object]) -> _Function | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):  # made by exec, part of an expression, or no function
        return None
    [node, *_] = tree.body
    return node if isinstance(node, _Function) else None


def _transaction_name(node: _Function, *, is_method: bool) -> str:
    """Return the name of the second parameter."""
    parameters = [*node.args.posonlyargs, *node.args.args]
    return parameters[2 if is_method else 1].arg


def _constants(node: _Function, function: Callable[..., object]) -> Mapping[str, str]:
    """Return the texts that the handler's module names, and the handler does not use the name for itself.

    Those that are computed do not count, for example from the environment, which is another one in Lambda.
    """
    lines, _ = inspect.findsource(function)  # of the whole file
    module = ast.parse("".join(lines))
    own = {
        each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    own |= {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)}
    texts: dict[str, str] = {}
    for statement in module.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text)))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text)))
            ) if name not in own:
                texts[name] = text
            case _:
                pass
    return texts


def _writes(node: _Function, name: str, constants: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the table and the kind of each write whose table is known."""
    for call in ast.walk(node):
        match call:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=write)) if owner == name:
                table = _table(call, constants)
                if write in WRITES and table is not None:
                    yield table, write
            case _:
                pass


def _table(call: ast.Call, constants: Mapping[str, str]) -> str | None:
    named = [each.value for each in call.keywords if each.arg == "table"]
    match [*call.args, *named]:
        case [ast.Constant(value=str(table)), *_]:
            return table
        case [ast.Name(id=constant), *_]:
            return constants.get(constant)
        case _:
            return None
