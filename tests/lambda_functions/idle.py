"""A function whose handler does nothing, to measure everything else."""

from __future__ import annotations

from pydantic import BaseModel

from ddbevents import Insert, StreamApp

app = StreamApp("idle")
lambda_handler = app


class Task(BaseModel):
    """An item."""

    pk: str
    deed: str


@app.on_insert(Task)
def rest(change: Insert[Task]) -> None:
    """Do nothing."""


app.prepare()
