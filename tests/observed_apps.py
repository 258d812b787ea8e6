"""Apps for tests of telemetry: some records succeed, some fail, some are dead-lettered, some are ignored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from ddbevents import Attr, Insert, PartialFailure, Reject, StreamApp
from ddbevents.dead_letters import DeadLetters
from ddbevents.stores import MemoryStore
from ddbevents.testing import MemorySink
from tests.stream import CANARY, Json, batch, insert, user

MakeApp: TypeAlias = Callable[[], StreamApp]
SECRET: Final = "secret of the exception"  # noqa: S105  # what must not be seen


def people(count: int) -> Json:
    """Return a batch of which a seventh is rejected, a fifth fails and a third is ignored."""
    return batch(*(insert(number, user(f"{CANARY}-{number}", email=role(number))) for number in range(count)))


def role(number: int) -> str:
    if number % 7 == 6:
        return "rejected"
    if number % 5 == 4:
        return "failing"
    return "ignored" if number % 3 == 2 else "welcome"


def welcome(change: Insert[Any]) -> None:
    if change.new["email"] == "rejected":
        raise Reject(f"{SECRET} {change.new['pk']}")
    if change.new["email"] == "failing":
        raise LookupError(f"{SECRET} {change.new['pk']}")


async def welcome_async(change: Insert[Any]) -> None:
    welcome(change)


def welcome_many(changes: Sequence[Insert[Any]]) -> None:
    failure = PartialFailure()
    for change in changes:
        try:
            welcome(change)
        except (LookupError, Reject) as error:
            failure.add(change, error)
    if failure:
        raise failure


def made(concurrency: int = 1) -> StreamApp:
    return StreamApp(
        "people",
        store=MemoryStore(),
        dead_letter=DeadLetters(MemorySink(), after=3),
        concurrency=concurrency,
    )


def single(concurrency: int = 1) -> StreamApp:
    app = made(concurrency)
    app.on_insert(dict, where=Attr("email").ne("ignored"))(welcome)
    return app


def asynchronous(concurrency: int = 1) -> StreamApp:
    app = made(concurrency)
    app.on_insert(dict, where=Attr("email").ne("ignored"))(welcome_async)
    return app


def bulk() -> StreamApp:
    app = made()
    app.bulk(10).on_insert(dict, where=Attr("email").ne("ignored"))(welcome_many)
    return app


APPS: Final[dict[str, MakeApp]] = {
    "single": single,
    "lanes": lambda: single(4),
    "async": asynchronous,
    "async lanes": lambda: asynchronous(4),
    "bulk": bulk,
}
