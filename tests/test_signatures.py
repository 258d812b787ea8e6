"""A mistake that a type checker would find is a ConfigurationError where the handler is decorated."""

from __future__ import annotations

import asyncio
import functools
import json
import operator
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterator,
    Mapping,
)
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NoReturn, Optional, Protocol, TypeVar

import pytest
from pydantic import AliasPath, BaseModel, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

from ddbevents import (
    Change,
    ConfigurationError,
    Insert,
    KeyChange,
    Modify,
    Remove,
    Router,
    StreamApp,
    StreamRecord,
    Transaction,
    Upsert,
)
from ddbevents.stores import MemoryStore
from tests.stream import MarksOnly, batch, insert, user

if TYPE_CHECKING:
    from ddbevents import Transaction as Later

    NeverDefined = int

Handler = Callable[..., Any]
T = TypeVar("T")
UNHASHABLE: Any = Literal[[]]


class User(BaseModel):
    user_id: str = Field(alias="userId")


class Administrator(User):
    rights: set[str]


class Order(BaseModel):
    order_id: str


@dataclass
class Address:
    city: str


@dataclass
class Box(Generic[T]):
    content: T


@pydantic_dataclass
class Invoice:
    number: int


class Session(TypedDict):
    token: str


class LongSession(Session):
    seconds: int


class OtherSession(TypedDict):
    cookie: str


class HasRecord(Protocol):
    @property
    def record(self) -> StreamRecord: ...


class HasUserId(Protocol):
    user_id: str


class Store:
    """A user's own store, recognized by its methods."""

    def __init__(self) -> None:
        self.marks: set[str] = set()

    def handled(self, marks: Collection[str], *, patience: timedelta) -> AbstractSet[str]:  # noqa: ARG002  # the Protocol's
        return frozenset(mark for mark in marks if mark in self.marks)

    def add(self, marks: Collection[str], *, patience: timedelta) -> None:  # noqa: ARG002  # the Protocol's
        self.marks.update(marks)

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:  # noqa: ARG002  # the Protocol's
        self.marks.add(mark)
        return transaction.writes == ()


def name_of(handler: Handler) -> str:
    return handler.__name__


def taking(hint: object) -> Handler:
    """Return a handler whose change is annotated like this."""

    def handler(change: object) -> None: ...

    handler.__annotations__["change"] = hint
    return handler


def returning(hint: object) -> Handler:
    """Return a handler whose result is annotated like this."""

    def handler(change: object) -> None: ...

    handler.__annotations__["return"] = hint
    return handler


def returning_async(hint: object) -> Handler:
    """Return a coroutine function whose result is annotated like this."""

    async def handler(change: object) -> None: ...

    handler.__annotations__["return"] = hint
    return handler


def result_of(handler: Handler) -> str:
    return f"{handler.__qualname__.partition('.')[0]} {handler.__annotations__['return']}"


@pytest.fixture
def app() -> StreamApp:
    return StreamApp(store=Store())


def refusal(register: Callable[[Any], object], handler: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        register(handler)
    return str(caught.value)


def registered(app: StreamApp, model: Any = User) -> Callable[[Any], object]:
    return app.on_insert(model)


def is_transactional(handler: Handler) -> bool:
    """Return whether a handler asks for a transaction, which an app refuses whose store has none."""
    router = Router()
    router.on_insert(User)(handler)
    try:
        StreamApp(store=MarksOnly()).include(router)
    except ConfigurationError:
        return True
    return False


# the function itself comes back


def plain(change: Insert[User]) -> None: ...
async def plain_async(change: Insert[User]) -> None: ...
def transactional(change: Insert[User], tx: Transaction) -> None: ...
async def transactional_async(change: Insert[User], tx: Transaction) -> None: ...


PLAIN: list[Handler] = [plain, plain_async, transactional, transactional_async]


@pytest.mark.parametrize("handler", PLAIN, ids=name_of)
def test_decorators_return_the_function(app: StreamApp, handler: Handler) -> None:
    assert registered(app)(handler) is handler


@pytest.mark.parametrize(
    ("handler", "asks"),
    [(plain, False), (plain_async, False), (transactional, True), (transactional_async, True)],
    ids=["plain", "plain_async", "transactional", "transactional_async"],
)
def test_a_transaction_is_asked_for(handler: Handler, asks: bool) -> None:
    assert is_transactional(handler) is asks


# parameters


def takes_nothing() -> None: ...
def takes_three(change: object, tx: object, more: object) -> None: ...
def takes_keywords(**changes: object) -> None: ...
def demands_a_keyword(change: object, *, more: object) -> None: ...


@pytest.mark.parametrize(
    "handler", [takes_nothing, takes_three, takes_keywords, demands_a_keyword], ids=name_of
)
def test_handlers_take_one_or_two_arguments(app: StreamApp, handler: Handler) -> None:
    message = refusal(registered(app), handler)

    assert message.startswith(f"{__name__}.{handler.__name__} takes (")
    assert message.endswith("but a handler takes (change) or (change, tx: Transaction), and nothing else")


def by_position_only(change: Insert[User], /) -> None: ...
def with_an_option(change: Insert[User], retries: int = 3) -> None: ...
def with_two_options(change: Insert[User], retries: int = 3, pause: float = 0.5) -> None: ...
def with_a_keyword_option(change: Insert[User], *, retries: int = 3) -> None: ...
def with_nothing_but_options(change: Insert[User] | None = None, retries: int = 3) -> None: ...
def with_any_number(*changes: Insert[User]) -> None: ...
def with_one_and_any_number(change: Insert[User], *rest: int) -> None: ...
def with_everything(*arguments: object, **options: object) -> None: ...


WITH_MORE_THAN_IS_GIVEN: list[Handler] = [
    by_position_only,
    with_an_option,
    with_two_options,
    with_a_keyword_option,
    with_nothing_but_options,
    with_any_number,
    with_one_and_any_number,
    with_everything,
]


@pytest.mark.parametrize("handler", WITH_MORE_THAN_IS_GIVEN, ids=name_of)
def test_optional_parameters_are_not_given(app: StreamApp, handler: Handler) -> None:
    registered(app)(handler)

    assert not is_transactional(handler)


def with_an_optional_transaction(change: object, tx: Transaction | None = None) -> None: ...
def with_a_transaction_by_keyword(change: object, *, tx: Transaction | None = None) -> None: ...
def with_a_late_transaction(change: object, retries: int = 3, tx: Transaction = Transaction()) -> None: ...  # noqa: B008
def with_an_optional_name(change: object, tx: Any = None) -> None: ...
def with_an_optional_context(change: object, context: Any = None) -> None: ...


@pytest.mark.parametrize(
    "handler",
    [
        with_an_optional_transaction,
        with_a_transaction_by_keyword,
        with_a_late_transaction,
        with_an_optional_name,
    ],
    ids=name_of,
)
def test_optional_transactions_are_refused(app: StreamApp, handler: Handler) -> None:
    assert "never get its transaction" in refusal(registered(app), handler)


def test_an_optional_context_is_refused(app: StreamApp) -> None:
    message = refusal(registered(app), with_an_optional_context)

    assert message.endswith(f"never get its context: {NO_CONTEXT}")


# the second parameter


def written(signature: str) -> Handler:
    """Return a handler with this signature, in a module whose types exist for type checkers only."""
    module: dict[str, Any] = {"__name__": "written", "Transaction": Transaction, "Any": Any, "T": T}
    code = f"from __future__ import annotations\ndef handler{signature}: ..."
    exec(code, module)  # noqa: S102  # text of this file
    handler: Handler = module["handler"]
    return handler


def unresolved(signature: str) -> Handler:
    handler = written(signature)
    del handler.__globals__["Transaction"]
    return handler


@pytest.mark.parametrize(
    "signature",
    [
        "(change, tx)",
        "(change, transaction)",
        "(change, tx: Any)",
        "(change, tx: object)",
        "(change, tx: T)",
        "(change, writes: Transaction)",
        "(change, context: Transaction)",
        "(change, writes: Transaction | None)",
        "(change, writes: 'Transaction')",
        "(change: Unknown, writes: Transaction)",
    ],
)
def test_a_transaction_is_known(signature: str) -> None:
    assert is_transactional(written(signature))


@pytest.mark.parametrize(
    "hint",
    ["Transaction", "ddbevents.Transaction", "Transaction | None", "Optional[Transaction]", "'Transaction'"],
)
def test_an_unresolved_transaction_is_known(hint: str) -> None:
    assert is_transactional(unresolved(f"(change, writes: {hint})"))


NO_CONTEXT = "handlers do not get Lambda's context: leave it out, and call current_context()"
ONE_CHANGE = "a handler gets one change, whose items are change.old and change.new"
NO_NAME = "its annotation cannot be resolved when the module runs, so write Transaction or leave it out"
NO_TRANSACTION = "annotate it Transaction if it is one, or leave it out"


@pytest.mark.parametrize(
    ("signature", "shown", "cure"),
    [
        ("(change, context)", "(change, context)", NO_CONTEXT),
        ("(event, context)", "(event, context)", NO_CONTEXT),
        ("(change, context: Any)", "(change, context)", NO_CONTEXT),
        ("(change, lambda_context: dict)", "(change, lambda_context: dict)", NO_CONTEXT),
        ("(change, _: LambdaContext)", "(change, _: LambdaContext)", NO_CONTEXT),
        ("(old, new)", "(old, new)", ONE_CHANGE),
        ("(new, old)", "(new, old)", ONE_CHANGE),
        ("(change, record)", "(change, record)", "the record is change.record"),
        ("(tx, change)", "(tx, change)", "the change comes first"),
        ("(change, store)", "(change, store)", NO_TRANSACTION),
        ("(change, session: T)", "(change, session)", NO_TRANSACTION),
        ("(change, tx: int)", "(change, tx: int)", NO_TRANSACTION),
        ("(change, tx: list[int])", "(change, tx: list[int])", NO_TRANSACTION),
        ("(change, tx: int | None)", "(change, tx: int | NoneType)", NO_TRANSACTION),
        ("(change, tx: Session)", "(change, tx: Session)", NO_NAME),
        ("(change, tx: BankTransaction)", "(change, tx: BankTransaction)", NO_NAME),
        ("(change, tx: Transactions)", "(change, tx: Transactions)", NO_NAME),
    ],
)
def test_any_other_second_is_refused(app: StreamApp, signature: str, shown: str, cure: str) -> None:
    message = refusal(registered(app), written(signature))

    rule = "but the second parameter of a handler is a Transaction"
    assert message == f"written.handler takes {shown}, {rule}: {cure}"


def test_a_renamed_transaction_is_refused(app: StreamApp) -> None:
    def handler(change: Insert[User], tx: Later) -> None: ...

    assert NO_NAME in refusal(registered(app), handler)


def second_may_be_one(change: object, tx: Transaction | None) -> None: ...
def second_is_anything(change: object, tx: object) -> None: ...


@pytest.mark.parametrize("handler", [second_may_be_one, second_is_anything], ids=name_of)
def test_the_second_may_be_wider(handler: Handler) -> None:
    assert is_transactional(handler)


# the change


def insert_of_user(change: Insert[User]) -> None: ...
def insert_of_order(change: Insert[Order]) -> None: ...
def modify_of_user(change: Modify[User]) -> None: ...
def remove_of_user(change: Remove[User]) -> None: ...
def keys_of_user(change: KeyChange[User]) -> None: ...
def keys_of_order(change: KeyChange[Order]) -> None: ...
def upsert_of_user(change: Upsert[User]) -> None: ...
def upsert_of_order(change: Upsert[Order]) -> None: ...
def change_of_user(change: Change[User]) -> None: ...
def change_of_order(change: Change[Order]) -> None: ...
def item(user: User) -> None: ...
def any_object(change: object) -> None: ...
def any_number_of_orders(*changes: Insert[Order]) -> None: ...
async def async_order(change: Insert[Order]) -> None: ...
def order_and_transaction(change: Insert[Order], tx: Transaction) -> None: ...


@pytest.mark.parametrize(
    "handler",
    [
        insert_of_order,
        modify_of_user,
        remove_of_user,
        keys_of_user,
        upsert_of_order,
        change_of_order,
        item,
        any_number_of_orders,
        async_order,
        order_and_transaction,
    ],
    ids=name_of,
)
def test_a_wrong_model_or_kind_is_refused(app: StreamApp, handler: Handler) -> None:
    message = refusal(registered(app), handler)

    what = "gets Insert[User], but its parameter is annotated"
    assert message.startswith(f"{__name__}.{handler.__name__} {what} ")


@pytest.mark.parametrize(
    "hint",
    [
        Insert[Administrator],
        Insert[Order | Administrator],
        Insert[None],
        Insert[list[int]],
        Insert[Insert[User]],
        Insert[Address],
        Insert[Session],
        Insert[dict[str, Any]],
        "Insert['Order']",
        "Insert[Order]",
        Insert[Order] | None,
        Annotated[Insert[Order], "wrong"],
        type[Insert[User]],
        list[Insert[User]],
        Callable[[User], None],
        StreamRecord,
        Transaction,
        int,
        None,
    ],
    ids=str,
)
def test_a_wrong_annotation_is_refused(app: StreamApp, hint: object) -> None:
    assert "gets Insert[User], but its parameter is annotated " in refusal(registered(app), taking(hint))


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        (Insert[Order], "Insert[Order]"),
        (Remove[User] | None, "Remove[User] | NoneType"),
        (int, "int"),
        (Insert[list[int]], "Insert[list[int]]"),
    ],
    ids=str,
)
def test_a_refusal_shows_the_annotation(app: StreamApp, hint: object, shown: str) -> None:
    expected = f" but its parameter is annotated {shown}: annotate it Insert[User]"
    assert refusal(registered(app), taking(hint)).endswith(expected)


def test_a_refusal_shows_the_right_one(app: StreamApp) -> None:
    assert refusal(app.on_insert(User), taking(int)).endswith("annotate it Insert[User]")
    assert refusal(app.on_modify(User), taking(int)).endswith("annotate it Modify[User]")
    assert refusal(app.on_modify(User, old=Order), taking(int)).endswith("annotate it Modify[User, Order]")
    assert refusal(app.on_remove(User), taking(int)).endswith("annotate it Remove[User]")
    assert refusal(app.on_upsert(User), taking(int)).endswith("annotate it Upsert[User]")
    assert refusal(app.on_previous(User), taking(int)).endswith("annotate it Previous[User]")
    assert refusal(app.on_change(User), taking(int)).endswith("annotate it Change[User]")
    assert refusal(app.on_keys(User), taking(int)).endswith("annotate it KeyChange[User]")


@pytest.mark.parametrize(
    "hint",
    [
        Insert[User],
        Insert[Any],
        Insert[object],
        Insert[BaseModel],
        Insert[User | Order],
        Insert[User | None],
        "Insert[T]",
        Insert[HasUserId],
        "Insert['User']",
        Insert,
        "Change[User]",
        HasRecord,
        Insert[User] | None,
        Insert[Order] | Insert[User],
        Annotated[Insert[User], "right"],
        Any,
        object,
        "T",
        "Insert[User]",
    ],
    ids=str,
)
def test_a_wider_annotation_is_accepted(app: StreamApp, hint: object) -> None:
    handler = taking(hint)

    assert registered(app)(handler) is handler


@pytest.mark.parametrize(
    "hint",
    ["Unknown", "Insert[Unknown]", "Insert[(", "1 / 0", "[1, 2]", "Insert.nothing", "{}['x']", "int('x')", 5],
)
def test_unreadable_annotations_are_skipped(app: StreamApp, hint: object) -> None:
    handler = taking(hint)

    assert registered(app)(handler) is handler


@pytest.mark.parametrize("hint", ["Remove[Unknown]", "ddbevents.Modify[Unknown]", "Upsert[Unknown]"])
def test_the_text_may_name_another_kind(app: StreamApp, hint: str) -> None:
    expected = f"gets Insert[User], but its parameter is annotated {hint}"

    assert expected in refusal(app.on_insert(User), taking(hint))
    assert expected in refusal(app.on_change(User), taking(hint))


@pytest.mark.parametrize("hint", ["Change[Unknown]", "Insert[Unknown] | Modify[Unknown]"])
def test_a_wider_text_is_accepted(app: StreamApp, hint: str) -> None:
    handler = taking(hint)

    assert app.on_modify(User)(handler) is handler


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        (Address, Insert[Address]),
        (Invoice, Insert[Invoice]),
        (Session, Insert[Session]),
        (Session, Insert[Mapping[str, object]]),
        (Session, Insert[Any]),
        (LongSession, Insert[Session]),
        (Box[int], Insert[Box[int]]),
        (dict, Insert[dict[str, Any]]),
        (dict[str, Any], "Insert[dict]"),
        (dict[str, Any], Insert[Mapping[str, object]]),
        (Administrator, Insert[User]),
    ],
    ids=str,
)
def test_each_model_fits_its_annotation(app: StreamApp, model: object, hint: object) -> None:
    handler = taking(hint)

    assert registered(app, model)(handler) is handler


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        (Address, Insert[Session]),
        (Address, Insert[Invoice]),
        (Invoice, Insert[Address]),
        (Session, Insert[OtherSession]),
        (Session, Insert[LongSession]),
        (Session, Insert[User]),
        (Box[int], Insert[Order]),
        (dict[str, Any], Insert[Order]),
        (dict[str, Any], Insert[Session]),
    ],
    ids=str,
)
def test_models_are_told_apart(app: StreamApp, model: object, hint: object) -> None:
    assert "but its parameter is annotated " in refusal(registered(app, model), taking(hint))


def test_every_decorator_checks_its_handler(app: StreamApp) -> None:
    assert "gets Insert[User]" in refusal(app.on_insert(User), modify_of_user)
    assert "gets Modify[User]" in refusal(app.on_modify(User), insert_of_user)
    assert "gets Remove[User]" in refusal(app.on_remove(User), insert_of_user)
    assert "gets Upsert[User]" in refusal(app.on_upsert(User), insert_of_user)
    assert "gets Upsert[User]" in refusal(app.on_upsert(User), upsert_of_order)
    assert "gets Previous[User]" in refusal(app.on_previous(User), upsert_of_user)
    assert "gets Insert[User]" in refusal(app.on_change(User), upsert_of_user)
    assert "gets Insert[User]" in refusal(app.on_change(User), change_of_order)
    assert "gets KeyChange[User]" in refusal(app.on_keys(User), change_of_user)
    assert "gets KeyChange[User]" in refusal(app.on_keys(User), keys_of_order)


def test_every_decorator_takes_its_kind(app: StreamApp) -> None:
    assert app.on_insert(User)(insert_of_user) is insert_of_user
    assert app.on_modify(User)(modify_of_user) is modify_of_user
    assert app.on_remove(User)(remove_of_user) is remove_of_user
    assert app.on_upsert(User)(upsert_of_user) is upsert_of_user
    assert app.on_change(User)(change_of_user) is change_of_user
    assert app.on_keys(User)(keys_of_user) is keys_of_user


def modify_from_order(change: Modify[User, Order]) -> None: ...
def modify_to_order(change: Modify[Order, User]) -> None: ...


def test_the_old_model_is_checked_too(app: StreamApp) -> None:
    assert app.on_modify(User, old=Order)(modify_from_order) is modify_from_order
    assert "gets Modify[User, Order]" in refusal(app.on_modify(User, old=Order), modify_of_user)
    assert "gets Modify[User, Order]" in refusal(app.on_modify(User, old=Order), modify_to_order)
    assert "gets Modify[User]" in refusal(app.on_modify(User), modify_from_order)


# results


@pytest.mark.parametrize(
    "handler",
    [
        returning("int"),
        returning(Optional[int]),  # noqa: UP045  # until Python 3.14 not the same as int | None
        returning(list[int]),
        returning(object),
        returning(Literal[1]),
        returning(UNHASHABLE),
        returning(Awaitable[int]),
        returning(Coroutine[Any, Any, int]),
        returning(Session),
        returning_async(int),
        returning_async(int | None),
        returning_async(Awaitable[None]),
    ],
    ids=result_of,
)
def test_a_returned_value_is_refused(app: StreamApp, handler: Handler) -> None:
    message = refusal(registered(app), handler)

    name = f"{__name__}.{handler.__qualname__}"
    assert message == f"{name} returns a value, which nothing would use: handlers return None"


@pytest.mark.parametrize(
    "handler",
    [
        returning("None"),
        returning(Any),
        returning(NoReturn),
        returning(T),
        returning(Awaitable),
        returning(Awaitable[None]),
        returning(Awaitable[None] | None),
        returning(Coroutine[Any, Any, None]),
        returning(asyncio.Future[None]),
        returning_async(None),
        returning_async(NoReturn),
    ],
    ids=result_of,
)
def test_none_or_an_awaitable_is_accepted(app: StreamApp, handler: Handler) -> None:
    assert registered(app)(handler) is handler


def generator(change: object) -> Iterator[None]:
    yield


async def async_generator(change: object) -> AsyncIterator[None]:
    yield


def test_a_generator_runs_when_iterated() -> None:
    async def iterate() -> list[None]:
        return [nothing async for nothing in async_generator(None)]

    assert [*generator(None), *asyncio.run(iterate())] == [None, None]


@pytest.mark.parametrize(
    "handler",
    [
        generator,
        async_generator,
        functools.update_wrapper(functools.partial(generator), generator),
        functools.update_wrapper(functools.partial(async_generator), async_generator),
    ],
    ids=["generator", "async_generator", "partial-generator", "partial-async_generator"],
)
def test_a_generator_is_refused(app: StreamApp, handler: Handler) -> None:
    assert "is a generator, which nothing would run" in refusal(registered(app), handler)


# other callables


class Mailer:
    def send(self, change: Insert[User]) -> None: ...

    def send_to_order(self, change: Insert[Order]) -> None: ...

    async def send_later(self, change: Insert[User]) -> None: ...

    @staticmethod
    def send_static(change: Insert[User]) -> None: ...

    @classmethod
    def send_for_class(cls, change: Insert[User]) -> None: ...

    def __call__(self, change: Insert[User]) -> None: ...


class AsyncMailer:
    async def __call__(self, change: Insert[User]) -> None: ...


class Made:
    def __init__(self, change: Insert[User]) -> None: ...


def with_database(database: str, change: Insert[User]) -> None:
    assert database == "database"
    assert isinstance(change, Insert)


def injecting(function: Callable[[str, Insert[User]], None]) -> Callable[[Insert[User]], None]:
    """Return a wrapper as people write it, which passes the function's other argument."""

    @functools.wraps(function)
    def wrapper(change: Insert[User]) -> None:
        function("database", change)

    return wrapper


def passing_on(function: Handler) -> Handler:
    """Return a wrapper as people write it, which passes on any arguments."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    return wrapper


LAMBDAS: tuple[Callable[[Any], None], Callable[[Any, Transaction], object]] = (
    lambda _: None,
    lambda _, tx: tx.writes,
)
LAMBDA, LAMBDA_WITH_TRANSACTION = LAMBDAS

MAILER = Mailer()
METHODS = [MAILER.send, MAILER.send_later, Mailer.send_static, Mailer.send_for_class]


@pytest.mark.parametrize("handler", METHODS, ids=name_of)
def test_methods_are_handlers(app: StreamApp, handler: Handler) -> None:
    assert registered(app)(handler) == handler


def test_a_static_method_is_a_handler(app: StreamApp) -> None:
    class Inside:
        @app.on_insert(User)
        @staticmethod
        def send(change: Insert[User]) -> None: ...

    assert Inside.send is Inside().send


def in_a_class_body(app: StreamApp, signature: str) -> Callable[[], object]:
    """Return the definition of a class whose body decorates a method with this signature."""
    code = f"class Sender:\n  @app.on_insert(User)\n  def send{signature}: ..."
    return lambda: exec(code, {"__name__": "written", "app": app, "User": User})  # noqa: S102  # text of this file


@pytest.mark.parametrize("rest", ["", ", change", ", change, tx", ", *changes", ", change=None"])
def test_a_method_is_refused_in_its_class(app: StreamApp, rest: str) -> None:
    bound = "register the bound method after the class, for example"

    as_self = refusal(lambda define: define(), in_a_class_body(app, f"(self{rest})"))
    as_class = refusal(lambda define: define(), in_a_class_body(app, f"(cls{rest})"))

    assert as_self.startswith("written.Sender.send would get the change as self, since nothing binds")
    assert as_self.endswith(f"{bound} Sender().send")
    assert as_class.endswith(f"{bound} Sender.send")


def test_an_unbound_method_is_refused(app: StreamApp) -> None:
    assert refusal(registered(app), Mailer.send).endswith("for example Mailer().send")


def test_a_raw_class_method_is_refused(app: StreamApp) -> None:
    message = refusal(registered(app), Mailer.__dict__["send_for_class"])

    method = "Mailer.send_for_class"
    assert message == f"{method} is a class method, which has no class yet: register {method} after the class"


def test_methods_are_checked_too(app: StreamApp) -> None:
    assert "gets Insert[User]" in refusal(registered(app), MAILER.send_to_order)
    assert "is a generator" in refusal(registered(app), MethodType(generator, MAILER))


def test_a_lambda_is_a_handler(app: StreamApp) -> None:
    assert registered(app)(LAMBDA) is LAMBDA
    assert not is_transactional(LAMBDA)
    assert is_transactional(LAMBDA_WITH_TRANSACTION)


def test_a_cached_function_is_a_handler(app: StreamApp) -> None:
    cached = functools.cache(insert_of_user)

    assert registered(app)(cached) is cached


def test_a_builtin_may_be_a_handler(app: StreamApp) -> None:
    changes: list[Any] = []

    assert registered(app)(print) is print
    assert registered(app)(changes.append) == changes.append


def test_a_wrapper_has_its_own_signature(app: StreamApp) -> None:
    wrapped = injecting(with_database)

    assert registered(app)(wrapped) is wrapped
    assert not is_transactional(wrapped)


def test_a_transparent_wrapper_is_followed(app: StreamApp) -> None:
    assert not is_transactional(passing_on(plain))
    assert is_transactional(passing_on(transactional))
    assert "gets Insert[User]" in refusal(registered(app), passing_on(insert_of_order))


def test_a_named_partial_is_a_handler(app: StreamApp) -> None:
    prepared = functools.update_wrapper(functools.partial(with_database, "database"), with_database)

    assert registered(app)(prepared) is prepared
    assert not is_transactional(prepared)


def test_a_named_object_is_a_handler(app: StreamApp) -> None:
    mailer = functools.update_wrapper(AsyncMailer(), plain_async)

    assert registered(app)(mailer) is mailer


EVENT = json.loads((Path(__file__).parent / "events" / "insert.json").read_text(encoding="utf-8"))


RUNNING: dict[str, Handler] = {
    **{handler.__name__: handler for handler in [*PLAIN, *WITH_MORE_THAN_IS_GIVEN, *METHODS]},
    "a wider annotation": change_of_user,
    "a wrapper that gives something besides": injecting(with_database),
    "a wrapper that passes on": passing_on(plain),
    "a wrapper that passes on a transaction": passing_on(transactional_async),
    "a partial": functools.update_wrapper(functools.partial(with_database, "database"), with_database),
    "an object": functools.update_wrapper(AsyncMailer(), plain_async),
    "a lambda": LAMBDA,
    "a lambda with a transaction": LAMBDA_WITH_TRANSACTION,
    "a built-in function": print,
    "a built-in method": list[Any]().append,
}


@pytest.mark.parametrize("handler", RUNNING.values(), ids=RUNNING.keys())
def test_accepted_handlers_run(app: StreamApp, handler: Handler) -> None:
    registered(app)(handler)

    assert app.process(EVENT).handled == 1
    assert app.process(EVENT).already_handled == 1


NAMELESS = {
    "a partial": functools.partial(with_database, "database"),
    "an object": Mailer(),
    "an async object": AsyncMailer(),
    "a class": Made,
    "a built-in class": int,
    "a class with arguments": Insert[User],
    "a built-in class with arguments": list[User],
    "a model": User,
    "a property": property(plain),
    "an itemgetter": operator.itemgetter(0),
    "a methodcaller": operator.methodcaller("send"),
    "None": None,
    "text": "plain",
    "a number": 5,
    "a model's instance": User(userId="ada"),
}


@pytest.mark.parametrize("handler", NAMELESS.values(), ids=NAMELESS.keys())
def test_nameless_handlers_are_refused(app: StreamApp, handler: object) -> None:
    message = refusal(registered(app), handler)

    assert message == (
        "a handler must be a function with a name, which its idempotency records contain: use def"
    )


@pytest.mark.parametrize(
    "handler",
    [max, dict[str, Any].update, dict[str, Any]().update],
    ids=["max", "dict.update", "update"],
)
def test_unknown_parameters_are_refused(app: StreamApp, handler: object) -> None:
    assert "has no signature that can be read" in refusal(registered(app), handler)


# models


NO_MODELS = {
    "text": str,
    "a number": int,
    "a list": list,
    "a list of models": list[User],
    "a union": User | Order,
    "an optional model": User | None,
    "an annotated model": Annotated[User, "it"],
    "a literal": Literal["user"],
    "Any": Any,
    "object": object,
    "type": type,
    "a type variable": T,
    "a Protocol": HasUserId,
    "a model's name": "User",
    "an instance": User(userId="ada"),
    "an instance of a dataclass": Address(city="London"),
    "a function": plain,
    "zero": 0,
    "empty text": "",
    "names of fields": ["user_id"],
    "fields": {"user_id": str},
}

each_that_is_no_model = pytest.mark.parametrize("model", NO_MODELS.values(), ids=NO_MODELS.keys())


@each_that_is_no_model
def test_other_models_are_refused(app: StreamApp, model: Any) -> None:
    assert "is no item model" in refusal(app.on_insert, model)
    assert "is no item model" in refusal(app.on_modify, model)
    assert "is no item model" in refusal(app.on_remove, model)
    assert "is no item model" in refusal(app.on_upsert, model)
    assert "is no item model" in refusal(app.on_change, model)
    assert "is no item model" in refusal(app.on_keys, model)


@pytest.mark.parametrize(
    ("model", "cure"),
    [
        (int, "int is no item model: use a pydantic model, a dataclass or a TypedDict"),
        (User | Order, "a union is no item model: register the handler once for each of its models"),
        (plain, "plain is no item model, but a function: pass the model to the decorator"),
    ],
    ids=["another type", "a union", "a function"],
)
def test_a_wrong_model_names_the_cure(app: StreamApp, model: Any, cure: str) -> None:
    assert refusal(app.on_insert, model) == cure


@each_that_is_no_model
def test_other_old_models_are_refused(app: StreamApp, model: Any) -> None:
    assert "is no item model" in refusal(lambda old: app.on_modify(User, old=old), model)


def test_a_model_is_no_handler(app: StreamApp) -> None:
    assert "use def" in refusal(registered(app), User)


@dataclass
class UnreadableDataclass:
    lock: asyncio.Lock


class Unfinished(BaseModel):
    rest: NeverDefined


@dataclass
class UnfinishedDataclass:
    rest: NeverDefined


class UnfinishedSession(TypedDict):
    rest: NeverDefined


def test_an_unreadable_model_is_refused(app: StreamApp) -> None:
    assert "pydantic cannot read UnreadableDataclass" in refusal(app.on_insert, UnreadableDataclass)


@pytest.mark.parametrize("model", [Unfinished, UnfinishedDataclass, UnfinishedSession])
def test_an_unfinished_model_is_refused(app: StreamApp, model: type[Any]) -> None:
    message = refusal(app.on_insert, model)

    assert message.startswith(f"{model.__name__} names a type that is not defined yet")


# options


@pytest.mark.parametrize(
    ("model", "unknown"),
    [
        (User, "userId"),
        (User, ""),
        (User, ["user_id", "email"]),
        (Address, "street"),
        (Invoice, {"total"}),
        (Session, ("cookie",)),
        (dict, "user_id"),
    ],
)
def test_an_unknown_field_is_refused(app: StreamApp, model: Any, unknown: Any) -> None:
    message = refusal(lambda changed: app.on_modify(model, changed=changed), unknown)

    assert "has no field" in message


def test_a_misspelt_field_is_recognised(app: StreamApp) -> None:
    message = refusal(lambda name: app.on_modify(User, changed=name), "user_di")

    assert message.startswith("User has no field user_di: did you mean user_id? changed takes")


def test_all_unknown_fields_are_named(app: StreamApp) -> None:
    message = refusal(lambda changed: app.on_modify(User, changed=changed), ["z", "user_id", "a"])

    assert message == "User has no field a, z: changed takes the names of fields, not of attributes"


class Account(BaseModel):
    account_id: str = Field(alias="accountId")
    status: str
    amount: int
    mail: str = Field(validation_alias=AliasPath("profile", "mail"))


ALIAS = "that is an alias, and changed takes the names of fields, so write changed="
WHOLE = "changed compares whole fields, so write changed="


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        ("accountId", f"{ALIAS}'account_id'"),
        (["accountId", "status"], f"{ALIAS}'account_id'"),
        ("profile", f"{ALIAS}'mail'"),
        ("status, amount", "write changed=['status', 'amount']"),
        ("status amount", "write changed=['status', 'amount']"),
        ("accountId|amount", "write changed=['account_id', 'amount']"),
        (["status,amount"], "write changed=['status', 'amount']"),
        ("status ", "write changed='status'"),
        ("amount.currency", f"{WHOLE}'amount'"),
        ("amount[0]", f"{WHOLE}'amount'"),
        ("profile.mail", f"{WHOLE}'mail'"),
        ("status, price", "did you mean status? changed takes the names of fields, not of attributes"),
        ("place.city", "changed takes the names of fields, not of attributes"),
        (",", "changed takes the names of fields, not of attributes"),
        ("statsu", "did you mean status? changed takes the names of fields, not of attributes"),
    ],
)
def test_what_is_no_field_has_its_cure(app: StreamApp, given: Any, cure: str) -> None:
    message = refusal(lambda changed: app.on_modify(Account, changed=changed), given)

    assert message.startswith("Account has no field ")
    assert message.endswith(f": {cure}")


def test_a_dict_has_no_fields_to_name(app: StreamApp) -> None:
    message = refusal(lambda changed: app.on_modify(dict, changed=changed), "status")

    assert message == (
        "dict has no field status: a dict names none, so use a model, or compare change.old and change.new in"
        " the handler"
    )


# names and registration


def same_name() -> Handler:
    def handler(change: object) -> None: ...

    return handler


def same_lambda() -> Callable[[object], None]:
    return lambda _: None


def test_a_name_belongs_to_one_handler(app: StreamApp) -> None:
    app.on_insert(User)(same_name())

    message = refusal(app.on_remove(Order), same_name())

    assert message.startswith(f"two handlers are called {__name__}.same_name.<locals>.handler, so")


def test_routers_share_the_names(app: StreamApp) -> None:
    first, second = Router(), Router()
    first.on_insert(User)(same_name())
    second.on_insert(User)(same_name())
    app.include(first)

    assert "two handlers are called" in refusal(app.include, second)


def test_lambdas_of_one_place_collide(app: StreamApp) -> None:
    app.on_insert(User)(same_lambda())

    assert "two handlers are called" in refusal(app.on_insert(User), same_lambda())


def test_methods_of_two_objects_collide(app: StreamApp) -> None:
    app.on_insert(User)(Mailer().send)

    assert "two handlers are called" in refusal(app.on_insert(User), Mailer().send)


@pytest.mark.parametrize("handler", [any_object, MAILER.send], ids=["a function", "a method"])
def test_one_handler_may_register_twice(app: StreamApp, handler: Handler) -> None:
    app.on_insert(User)(handler)

    assert app.on_insert(User)(handler) == handler


def test_a_method_may_register_twice(app: StreamApp) -> None:
    app.on_insert(User)(MAILER.send)
    app.on_insert(Administrator)(MAILER.send)


def test_a_transaction_needs_its_store() -> None:
    message = refusal(StreamApp().on_insert(User), transactional)

    assert message == f"{__name__}.transactional asks for a transaction: give the app a store that has them"
    assert message == refusal(StreamApp(store=MarksOnly()).on_insert(User), transactional)


def test_included_transactions_need_it_too() -> None:
    router = Router()
    router.on_insert(User)(transactional_async)

    assert "asks for a transaction" in refusal(StreamApp(store=MarksOnly()).include, router)


def test_with_store_needs_transactions_too(app: StreamApp) -> None:
    app.on_insert(User)(transactional)

    assert "asks for a transaction" in refusal(app.with_store, MarksOnly())


def test_an_included_router_is_closed(app: StreamApp) -> None:
    router = Router()
    register = router.on_insert(User)
    app.include(router)

    message = refusal(register, plain)

    assert message == f"{__name__}.plain: the router is included already; register handlers before include()"
    assert message == refusal(router.on_insert(User), plain)


def test_a_refused_router_adds_nothing() -> None:
    app, router = StreamApp(), Router()
    router.on_keys(dict)(any_object)
    router.on_insert(User)(transactional)

    refusal(app.include, router)

    assert app.process(batch(insert(1, user("a")))).ignored == 1


def test_only_a_router_can_be_included(app: StreamApp) -> None:
    assert "takes a Router" in refusal(app.include, plain)
    assert "takes a Router" in refusal(app.include, StreamApp())


@pytest.mark.parametrize(
    ("store", "reason"),
    [
        ("marks.db", "store is text"),
        (Store, "store is the class Store: pass an instance"),
        (MemoryStore, "store is the class MemoryStore: pass an instance"),
        ({}, "store must be an instance of a class with the methods of ddbevents.stores"),
        (object(), "store must be an instance of a class with the methods of ddbevents.stores"),
    ],
    ids=["text", "a class", "its class", "a dict", "an object"],
)
def test_other_stores_are_refused(app: StreamApp, store: Any, reason: str) -> None:
    message = refusal(lambda thing: StreamApp(store=thing), store)

    assert message.startswith(reason)
    assert message == refusal(app.with_store, store)


def swapped(tx: Transaction, change: Insert[User]) -> None: ...


def test_the_change_comes_first(app: StreamApp) -> None:
    message = refusal(app.on_insert(User), swapped)

    assert message.endswith("is annotated Transaction: the change comes first, as in (change, tx)")
