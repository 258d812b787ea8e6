"""Every earlier revision of the pages of a wiki, and how it ended: changed, removed, or expired."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import BaseModel, field_serializer

from ddbevents import Attr, Previous, StreamApp, StreamRecord, Transaction
from ddbevents.stores import DynamoDBStore

KEPT = timedelta(days=365)


class Page(BaseModel):
    """An item of the table of pages; `version` rises with each write."""

    page_id: str
    version: int
    title: str
    text: str
    editor: str


class Revision(Page):
    """A page as it was, with the end of its time."""

    ended: Literal["changed", "removed", "expired"]
    ended_at: datetime
    expires_at: datetime

    @field_serializer("expires_at")
    def in_seconds(self, moment: datetime) -> int:
        """Write the moment as time to live needs it."""
        return int(moment.timestamp())


app = StreamApp("history", store=DynamoDBStore(os.environ.get("IDEMPOTENCY_TABLE", "handled-events")))
lambda_handler = app


@app.on_previous(Page)
def keep(change: Previous[Page], tx: Transaction) -> None:
    """Keep the page as it was. A revision that is there already is never written over."""
    revision = revision_of(change.old, change.record)
    tx.put("page-revisions", revision, when=Attr("page_id").not_exists(), on_conflict="skip")


def revision_of(page: Page, record: StreamRecord) -> Revision:
    """Return the revision that a record ended."""
    ended_at = record.created_at or datetime.now(UTC)
    end: Literal["changed", "removed", "expired"] = "changed"
    if record.kind == "REMOVE":
        end = "expired" if record.expired else "removed"
    return Revision(**page.model_dump(), ended=end, ended_at=ended_at, expires_at=ended_at + KEPT)
