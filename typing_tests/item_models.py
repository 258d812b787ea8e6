"""Every sort of item model works with every decorator, and is told from every other."""

from __future__ import annotations

from typing import assert_type

from ddbevents import Change, Insert, KeyChange, Modify, Remove, Router, StreamApp, Transaction, Upsert
from typing_tests.models import Address, Invoice, Session, User
from typing_tests.stores import OwnTransactionalStore

app = StreamApp(store=OwnTransactionalStore())
router = Router()


@app.on_insert(Invoice)
def pydantic_dataclass_inserted(change: Insert[Invoice]) -> None:
    assert_type(change.new.number, int)


@app.on_modify(Invoice)
async def pydantic_dataclass_modified(change: Modify[Invoice], tx: Transaction) -> None:
    assert_type((change.old.number, change.new.number, tx), tuple[int, int, Transaction])


@app.on_modify(Invoice, old=Address)
def pydantic_dataclass_migrated(change: Modify[Invoice, Address]) -> None:
    assert_type((change.old.city, change.new.number), tuple[str, int])


@app.on_remove(Invoice)
def pydantic_dataclass_removed(change: Remove[Invoice]) -> None:
    assert_type(change.old.number, int)


@app.on_upsert(Invoice)
def pydantic_dataclass_upserted(change: Upsert[Invoice]) -> None:
    assert_type(change.new.number, int)


@app.on_change(Invoice)
def pydantic_dataclass_changed(change: Change[Invoice], tx: Transaction) -> None:
    assert_type((change, tx), tuple[Insert[Invoice] | Modify[Invoice] | Remove[Invoice], Transaction])


@app.on_keys(Invoice)
async def pydantic_dataclass_keys(change: KeyChange[Invoice]) -> None:
    assert_type(change.keys.number, int)


@app.on_insert(Address)
def dataclass_inserted(change: Insert[Address]) -> None:
    assert_type(change.new.city, str)


@app.on_modify(Address)
async def dataclass_modified(change: Modify[Address], tx: Transaction) -> None:
    assert_type((change.old.city, change.new.city, tx), tuple[str, str, Transaction])


@app.on_modify(Address, old=Session)
def dataclass_migrated(change: Modify[Address, Session]) -> None:
    assert_type((change.old["token"], change.new.city), tuple[str, str])


@app.on_remove(Address)
def dataclass_removed(change: Remove[Address]) -> None:
    assert_type(change.old.city, str)


@app.on_upsert(Address)
def dataclass_upserted(change: Upsert[Address]) -> None:
    assert_type(change.new.city, str)


@app.on_change(Address)
def dataclass_changed(change: Change[Address], tx: Transaction) -> None:
    assert_type((change, tx), tuple[Insert[Address] | Modify[Address] | Remove[Address], Transaction])


@app.on_keys(Address)
async def dataclass_keys(change: KeyChange[Address]) -> None:
    assert_type(change.keys.city, str)


@router.on_insert(Session)
def typeddict_inserted(change: Insert[Session]) -> None:
    assert_type(change.new["token"], str)


@router.on_modify(Session)
async def typeddict_modified(change: Modify[Session], tx: Transaction) -> None:
    assert_type((change.old["token"], change.new["token"], tx), tuple[str, str, Transaction])


@router.on_modify(Session, old=User)
def typeddict_migrated(change: Modify[Session, User]) -> None:
    assert_type((change.old.email, change.new["token"]), tuple[str, str])


@router.on_remove(Session)
def typeddict_removed(change: Remove[Session]) -> None:
    assert_type(change.old["token"], str)


@router.on_upsert(Session)
def typeddict_upserted(change: Upsert[Session]) -> None:
    assert_type(change.new["token"], str)


@router.on_change(Session)
def typeddict_changed(change: Change[Session], tx: Transaction) -> None:
    assert_type((change, tx), tuple[Insert[Session] | Modify[Session] | Remove[Session], Transaction])


@router.on_keys(Session)
async def typeddict_keys(change: KeyChange[Session]) -> None:
    assert_type(change.keys["token"], str)


def each_sort_is_told_from_the_others(app: StreamApp, router: Router) -> None:
    app.on_insert(Invoice)(dataclass_inserted)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_modify(Invoice)(dataclass_modified)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_modify(Invoice, old=User)(dataclass_migrated)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_remove(Invoice)(dataclass_removed)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_upsert(Invoice)(dataclass_upserted)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_change(Invoice)(dataclass_changed)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_keys(Invoice)(dataclass_keys)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_insert(Address)(typeddict_inserted)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_modify(Address)(typeddict_modified)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_modify(Address, old=User)(typeddict_migrated)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_remove(Address)(typeddict_removed)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_upsert(Address)(typeddict_upserted)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_change(Address)(typeddict_changed)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    app.on_keys(Address)(typeddict_keys)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    router.on_insert(Session)(pydantic_dataclass_inserted)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    router.on_modify(Session)(pydantic_dataclass_modified)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    router.on_modify(Session, old=User)(pydantic_dataclass_migrated)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    router.on_remove(Session)(pydantic_dataclass_removed)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    router.on_upsert(Session)(pydantic_dataclass_upserted)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    router.on_change(Session)(pydantic_dataclass_changed)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
    router.on_keys(Session)(pydantic_dataclass_keys)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]
