"""The table of handlers that each decorator takes or refuses, and the files made from it for type checkers.

To add a decorator, add a row to `DECORATORS`; to add a mistake that every decorator must refuse, a row to
`MISTAKES`. Then run `python -m tests.typing_cases`.
"""

from __future__ import annotations

import collections.abc
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

import ddbevents

# The files are committed, not made by the tests: plain `mypy` and `pyright` read them, an error names a line
# that can be opened, and the tests need no type checker to see that the files are up to date.
GENERATED: Final = Path(__file__).parent / "typing" / "generated"


class Decorator(NamedTuple):
    """A call for a model `{item}`, perhaps with an `{old}` model of the old image, and what handlers get."""

    call: str
    gives: str
    wrong: Collection[str]  # what its handlers do not get; the same change of another model is added
    item: str = "User"
    has_transactions: bool = True

    @property
    def name(self) -> str:
        return _words(re.sub(r"{.*?}", "", self.call))

    @property
    def has_model(self) -> bool:
        return "{item}" in self.call


OWNERS: Final = {"app": "StreamApp", "router": "Router"}

DECORATORS: Final = (
    Decorator("on_insert({item})", "Insert[{item}]", ["Modify[User]"]),
    Decorator("on_modify({item})", "Modify[{item}]", ["Insert[User]", "Remove[User]", "Modify[User, {old}]"]),
    Decorator(
        "on_modify({item}, old={old})",
        "Modify[{item}, {old}]",
        ["Insert[User]", "Modify[User]", "Modify[User, Order]"],
    ),
    Decorator("on_remove({item})", "Remove[{item}]", ["Insert[User]"]),
    Decorator("on_upsert({item})", "Upsert[{item}]", ["Insert[User]", "Insert[User] | Modify[User]"]),
    Decorator("on_snapshot({item})", "Snapshot[{item}]", ["Insert[User]", "Upsert[User]"]),
    Decorator("on_previous({item})", "Previous[{item}]", ["Remove[User]", "Upsert[User]"]),
    Decorator("on_change({item})", "Change[{item}]", ["Upsert[User]", "Insert[User] | Modify[User]"]),
    Decorator("on_record()", "StreamRecord", ["Change[User]", "Image"]),
    Decorator("on_keys({item})", "KeyChange[{item}]", ["Change[UserKey]"], item="UserKey"),
    Decorator("on_latest({item})", "Latest[{item}]", ["Upsert[User]"], has_transactions=False),
)


class Shape(NamedTuple):
    """One way to write a handler, named for it and for its `{change}`, and the type of such a handler."""

    name: str
    text: str
    type: str


SHAPES: Final = (
    Shape("synchronous", "def {name}(change: {change}) -> None: ...", "Callable[[{change}], None]"),
    Shape(
        "synchronous_with_transaction",
        "def {name}(change: {change}, tx: Transaction) -> None: ...",
        "Callable[[{change}, Transaction], None]",
    ),
    Shape(
        "asynchronous",
        "async def {name}(change: {change}) -> None: ...",
        "Callable[[{change}], Coroutine[Any, Any, None]]",
    ),
    Shape(
        "asynchronous_with_transaction",
        "async def {name}(change: {change}, tx: Transaction) -> None: ...",
        "Callable[[{change}, Transaction], Coroutine[Any, Any, None]]",
    ),
)

LISTS: Final = (
    Shape(
        "sequence",
        "def {name}(changes: Sequence[{change}]) -> None: ...",
        "Callable[[Sequence[{change}]], None]",
    ),
    Shape("list", "def {name}(changes: list[{change}]) -> None: ...", "Callable[[list[{change}]], None]"),
    Shape(
        "iterable",
        "def {name}(changes: Iterable[{change}]) -> None: ...",
        "Callable[[Sequence[{change}]], None]",
    ),
    Shape(
        "async_sequence",
        "async def {name}(changes: Sequence[{change}]) -> None: ...",
        "Callable[[Sequence[{change}]], Coroutine[Any, Any, None]]",
    ),
    Shape(
        "async_list",
        "async def {name}(changes: list[{change}]) -> None: ...",
        "Callable[[list[{change}]], Coroutine[Any, Any, None]]",
    ),
)


class Manner(NamedTuple):
    """A way to register handlers.

    Attributes:
        prefix: What stands before the decorator.
        shapes: How handlers are written that it takes.
        refused: How they are written that it refuses, whatever they take.
        pyright: Pyright's rules for what is refused; more of them where there are several overloads.
    """

    prefix: str
    shapes: Collection[Shape]
    refused: Collection[Shape] = ()
    pyright: str = "reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator"


PLAIN: Final = [shape for shape in SHAPES if "Transaction" not in shape.text]
WITH_TRANSACTION: Final = [shape for shape in SHAPES if "Transaction" in shape.text]

# The other sorts of model, each with one that must not pass for it.
SORTS: Final = {"Invoice": "Address", "Address": "Session", "Session": "Invoice"}


class Mistake(NamedTuple):
    """A handler that every decorator refuses, and mypy's codes for that."""

    name: str
    signature: str
    mypy: str = "arg-type"


# Each makes one mistake and takes any change otherwise.
MISTAKES: Final = (
    Mistake("takes_nothing", "() -> None"),
    Mistake("takes_three", "(change: object, tx: Transaction, more: object) -> None"),
    Mistake("takes_item", "(item: {item}) -> None"),
    Mistake("demands_keyword", "(change: object, *, more: object) -> None"),
    Mistake("wants_no_transaction", "(change: object, tx: int) -> None"),
    Mistake("returns_number", "(change: object) -> int", "type-var"),
    Mistake("returns_number_with_tx", "(change: object, tx: Transaction) -> int", "arg-type, type-var"),
)

IMPORTS: Final[Mapping[str, Collection[str]]] = {
    "collections.abc": collections.abc.__all__,
    "typing": {"Any", "assert_type"},
    "ddbevents": ddbevents.__all__,
    "tests.typing.models": {"Order", "User", "UserBeforeMigration", "UserKey", *SORTS},
}

HEADER: Final = """\
# Generated by `python -m tests.typing_cases` from the table in tests/typing_cases.py: edit that instead.

from __future__ import annotations
"""


def write(folder: Path = GENERATED) -> None:
    """Write a file for each decorator of each owner, in place of those in the folder."""
    folder.mkdir(exist_ok=True)
    for outdated in folder.glob("*.py"):
        outdated.unlink()
    for owner, decorator in product(OWNERS, DECORATORS):
        for manner in _manners(decorator):
            name = _words(f"{owner} {manner.prefix} {decorator.name}")
            (folder / f"{name}.py").write_text(_file(owner, decorator, manner))


def _manners(decorator: Decorator) -> Iterator[Manner]:
    yield (
        Manner("", SHAPES)
        if decorator.has_transactions
        else Manner("", PLAIN, WITH_TRANSACTION, "reportArgumentType")
    )
    yield Manner("bulk(10).", LISTS, SHAPES)


def _file(owner: str, decorator: Decorator, manner: Manner) -> str:
    takes = _function("takes", owner, _right_handlers(decorator, manner))
    refuses = _function("refuses", owner, _wrong_handlers(decorator, manner))
    return "\n\n\n".join([f"{HEADER}\n{_imports(takes + refuses)}", takes, refuses]) + "\n"


def _function(name: str, owner: str, cases: Iterable[str]) -> str:
    decorated = "\n\n".join(f"    @{owner}.{case}" for case in cases)
    return f"def {name}({owner}: {OWNERS[owner]}) -> None:\n{decorated}"


def _imports(text: str) -> str:
    words = set(re.findall(r"\w+", text))
    used = {module: sorted(words.intersection(names)) for module, names in IMPORTS.items()}
    return "\n".join(f"from {module} import {', '.join(names)}" for module, names in used.items() if names)


def _right_handlers(decorator: Decorator, manner: Manner) -> Iterator[str]:
    models = {decorator.item: "UserBeforeMigration"} | SORTS
    items = models.items() if decorator.has_model else [("", "")]
    for (item, old), shape in product(items, manner.shapes):
        call = manner.prefix + decorator.call.format(item=item, old=old)
        right = _right_handler(call, shape, decorator.gives.format(item=item, old=old))
        # a record holds values of any type: for mypy it then fits both overloads, and it answers with neither
        is_unsure = "Sequence[StreamRecord]" in shape.type.format(change=decorator.gives)
        yield f"{right}  # type: ignore[assert-type]" if is_unsure else right


def _right_handler(call: str, shape: Shape, change: str) -> str:
    """Return a handler and the claim that it is still the function it was, which a plain test can call."""
    name, handler = _handler(shape, change)
    return f"{call}\n    {handler}\n\n    assert_type({name}, {shape.type.format(change=change)})"


def _wrong_handlers(decorator: Decorator, manner: Manner) -> Iterator[str]:
    models = {"item": decorator.item, "old": "UserBeforeMigration"}
    call = manner.prefix + decorator.call.format(**models)
    for shape in manner.refused:
        yield _wrong_handler(call, _handler(shape, decorator.gives.format(**models))[1], manner)
    wrong = _wrong_changes(decorator, decorator.call.format(**models), models)
    for (decorated, change), shape in product(wrong, manner.shapes):
        yield _wrong_handler(manner.prefix + decorated, _handler(shape, change)[1], manner)
    for mistake, start in product(MISTAKES, ("def ", "async def async_")):
        signature = mistake.signature.format(**models)
        handler = f"{start}{mistake.name}{signature}: raise NotImplementedError"
        yield _wrong_handler(call, handler, manner, mistake.mypy)


def _wrong_changes(decorator: Decorator, call: str, models: dict[str, str]) -> Iterator[tuple[str, str]]:
    if decorator.has_model:
        yield call, decorator.gives.format(**models | {"item": "Order"})
    for change in decorator.wrong:
        yield call, change.format(**models)
    for item, other in SORTS.items() if decorator.has_model else ():
        yield decorator.call.format(item=item, old=other), decorator.gives.format(item=other, old=other)


def _wrong_handler(call: str, handler: str, manner: Manner, mypy: str = "arg-type") -> str:
    return f"{call}  # type: ignore[{mypy}]  # pyright: ignore[{manner.pyright}]\n    {handler}"


def _handler(shape: Shape, change: str) -> tuple[str, str]:
    name = f"{shape.name}_{_words(change).lower()}"
    return name, shape.text.format(name=name, change=change)


def _words(text: str) -> str:
    return "_".join(re.findall(r"\w+", text))


if __name__ == "__main__":
    write(*map(Path, sys.argv[1:]))
