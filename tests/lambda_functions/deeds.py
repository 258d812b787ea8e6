"""A function that does the deed that each item names; some deeds end its process."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeAlias

from pydantic import BaseModel

from ddbevents import Attr, Insert, StreamApp
from ddbevents.stores import SQLiteStore

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]

FOLDER: Final = Path(os.environ["FOLDER"])
WIRE: Final[list[tuple[Connection, Connection]]] = []


class Task(BaseModel):
    """An item."""

    pk: str
    deed: str = "nothing"
    counts: dict[str, int] = {}


app = StreamApp("deeds", store=SQLiteStore(FOLDER / "marks.sqlite"), time_reserve=timedelta(milliseconds=200))
lambda_handler = app
over_the_wire = Attr("deed").eq("through the wire")


def fail(text: str) -> None:
    raise ValueError(text)


DEEDS: Final[Mapping[str, Callable[[], object]]] = {
    "nothing": lambda: None,
    "nap": lambda: time.sleep(0.05),
    "sleep": lambda: time.sleep(600),
    "exit": lambda: sys.exit(7),
    "exit hard": lambda: os._exit(9),
    "ask for memory": lambda: bytearray(1 << 36),
    "fail": lambda: fail("no"),
    "fail with a surrogate": lambda: fail("\ud800"),
}


@app.on_insert(Task, where=~over_the_wire)
def do(change: Insert[Task]) -> None:
    DEEDS[change.new.deed]()
    note(change.new.pk)


@app.on_insert(Task, where=over_the_wire)
async def send(change: Insert[Task]) -> None:
    """Use a connection that is opened once, as an HTTP client does."""
    if not WIRE:
        here, there = socket.socketpair()
        WIRE.append((await asyncio.open_connection(sock=here), await asyncio.open_connection(sock=there)))
    [((_, writer), (reader, _))] = WIRE
    writer.write(f"{change.new.pk}\n".encode())
    note((await reader.readline()).decode().strip())


def note(effect: str) -> None:
    with (FOLDER / "effects.txt").open("a") as file:
        file.write(f"{effect} {os.getpid()}\n")
