"""A function whose wiring is wrong."""

from __future__ import annotations

from ddbevents import StreamApp

app = StreamApp("miswired")
app.on_insert(dict, where="status = OPEN")(print)  # type: ignore[arg-type]  # the mistake
