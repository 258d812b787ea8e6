"""A function that appends each event to a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def lambda_handler(event: Any, context: object) -> None:
    with Path(os.environ["RECEIVED"]).open("a") as file:
        file.write(json.dumps(event) + "\n")
