"""The contents of changes, and how it takes `Change` apart with `match`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, assert_never, assert_type

from ddbevents import (
    Change,
    Image,
    Insert,
    KeyChange,
    Kind,
    Modify,
    Previous,
    Remove,
    Snapshot,
    StreamRecord,
    Upsert,
    ViewType,
    parse_event,
)
from tests.typing.models import (
    Address,
    Administrator,
    Invoice,
    Order,
    Session,
    User,
    UserBeforeMigration,
    UserKey,
)


def insert(change: Insert[User]) -> None:
    assert_type(change.new, User)
    assert_type(change.new.email, str)
    assert_type(change.record, StreamRecord)
    change.old  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018
    change.new = change.new  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def modify(change: Modify[User]) -> None:
    assert_type(change, Modify[User, User])
    assert_type(change.old, User)
    assert_type(change.new, User)
    assert_type(change.changed, frozenset[str])
    assert_type(change.record, StreamRecord)
    change.expired  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018


def modify_from_another_model(change: Modify[User, UserBeforeMigration]) -> None:
    assert_type(change.old, UserBeforeMigration)
    assert_type(change.old.mail, str)
    assert_type(change.new, User)
    assert_type(change.changed, frozenset[str])


def remove(change: Remove[User]) -> None:
    assert_type(change.old, User)
    assert_type(change.expired, bool)
    assert_type(change.record, StreamRecord)
    change.new  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018


def keys(change: KeyChange[UserKey]) -> None:
    assert_type(change.keys, UserKey)
    assert_type(change.kind, Kind)
    assert_type(change.record, StreamRecord)


def items_of_every_sort(
    invoice: Insert[Invoice],
    address: Modify[Address, Session],
    session: Upsert[Session],
    earlier: Previous[Address],
    key: KeyChange[Session],
) -> None:
    assert_type(invoice.new.number, int)
    assert_type(address.new.city, str)
    assert_type(address.old["token"], str)
    assert_type(session.new["token"], str)
    assert_type(earlier.old.city, str)
    assert_type(key.keys["token"], str)


def record(record: StreamRecord) -> None:
    assert_type(record.event_id, str)
    assert_type(record.kind, Kind)
    assert_type(record.keys, Mapping[str, str | int | Decimal | bytes])
    assert_type(record.new_image, Image | None)
    assert_type(record.old_image, Image | None)
    assert_type(record.sequence_number, str)
    assert_type(record.identifier, str)
    assert_type(record.table, str | None)
    assert_type(record.source_arn, str | None)
    assert_type(record.region, str | None)
    assert_type(record.created_at, datetime | None)
    assert_type(record.size_bytes, int | None)
    assert_type(record.view_type, ViewType | None)
    assert_type(record.expired, bool)
    assert_type(record.record, StreamRecord)
    assert_type(record.raw, Mapping[str, Any])
    record.event_id = ""  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def upsert_has_a_new_item(change: Upsert[User]) -> None:
    assert_type(change.new, User)
    assert_type(change.kind, Literal["INSERT", "MODIFY", "SNAPSHOT"])
    assert_type(change.record, StreamRecord)
    change.old  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018
    match change:
        case Upsert(new, record):
            assert_type(new, User)
            assert_type(record, StreamRecord)


def previous_has_an_old_item(change: Previous[User]) -> None:
    assert_type(change.old, User)
    assert_type(change.kind, Literal["MODIFY", "REMOVE"])
    assert_type(change.record, StreamRecord)
    change.new  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018
    match change:
        case Previous(old, record):
            assert_type(old, User)
            assert_type(record, StreamRecord)


def change_by_match(change: Change[User]) -> str:
    match change:
        case Insert(new=new):
            assert_type(change, Insert[User])
            assert_type(new, User)
            return new.email
        case Modify(old=old, new=new):
            assert_type(change, Modify[User, User])
            assert_type(old, User)
            assert_type(new, User)
            return old.email + new.email
        case Remove(old=old):
            assert_type(change, Remove[User])
            assert_type(old, User)
            return old.email
        case _:
            assert_never(change)


def change_by_position(change: Change[User]) -> StreamRecord:
    match change:
        case Insert(new, record):
            assert_type(new, User)
        case Modify(old, new, record):
            assert_type(old, User)
            assert_type(new, User)
        case Remove(old, record):
            assert_type(old, User)
    return record


def change_with_a_kind_forgotten(change: Change[User]) -> None:
    match change:
        case Insert():
            pass
        case Modify():
            pass
        case _:
            assert_never(change)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def kind_by_match(change: KeyChange[UserKey]) -> str:
    match change.kind:
        case "INSERT":
            return "new"
        case "MODIFY":
            return "changed"
        case "REMOVE":
            return "gone"
        case "SNAPSHOT":
            return "there"
        case _:
            assert_never(change.kind)


def snapshot_has_a_new_item(change: Snapshot[User]) -> None:
    assert_type(change.new, User)
    assert_type(change.record, StreamRecord)
    change.old  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018


def every_change_has_a_record(change: Change[User] | KeyChange[UserKey]) -> None:
    assert_type(change.record, StreamRecord)


def changes_are_covariant(
    insert: Insert[Administrator],
    modify: Modify[Administrator],
    remove: Remove[Administrator],
    migration: Modify[Administrator, UserBeforeMigration],
    upsert: Upsert[Administrator],
    previous: Previous[Administrator],
) -> None:
    taken: Change[User] = insert
    taken = modify
    taken = remove
    taken = migration  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    assert_type(taken.record, StreamRecord)
    now: Upsert[User] = upsert
    before: Previous[User] = previous
    assert_type((now.record, before.record), tuple[StreamRecord, StreamRecord])
    wrong: Change[Order] = insert  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    assert_type(wrong.record, StreamRecord)


def events_are_parsed(event: object) -> None:
    assert_type(parse_event(event), list[StreamRecord])
