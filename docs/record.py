"""Records a run of `ddbevents dev` on DynamoDB Local, as the picture of docs/how-to/develop.md.

Run it at the top of the project: python -m docs.record
"""

import io
import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.dynamodb_local import clients, dynamodb_local
from tests.dynamodb_tables import make_table
from tests.streaming_tables import put
from tests.test_dev import Terminal, developing

PAGE: Final = Path(__file__).parent / "how-to" / "develop.md"
PICTURE: Final = PAGE.with_name("develop.svg")
HOME: Final = "/home/ada/shop"
COLUMNS: Final = 88


def main() -> None:
    """Write, see a failure, edit, and see the new code."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    app = blocks[0]
    with dynamodb_local() as endpoint, TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("app.py").write_text(app, "utf-8")
        dynamodb, _ = clients(endpoint)
        make_table(dynamodb, "pk", name="Users")
        dynamodb.update_table(
            TableName="Users",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        with developing(endpoint, "Users") as terminal:
            put(endpoint, "Users", {"pk": {"S": "ada"}, "email": {"S": "ada@example.com"}})
            terminal.wait_for("pk=ada  welcome  handled")
            put(endpoint, "Users", {"pk": {"S": "bob"}, "email": {"S": "bob"}})
            terminal.wait_for("pk=bob  welcome  failed", count=2)
            Path("app.py").write_text(
                app.replace("raise ValueError(change.new.email)", "name = 'you'"), "utf-8"
            )
            terminal.wait_for("pk=bob  welcome  handled")
            terminal.wait_for(r"2 handled · 0\.\d/s · 0 waiting")
            lines = screen(terminal)
        PICTURE.write_text(picture([line.replace(folder, HOME) for line in lines]), "utf-8")


def screen(terminal: Terminal) -> list[str]:
    """Return the lines as they stand on the terminal, with their colours."""
    lines = [""]
    for part in re.split(r"(\n|\r|\x1b\[2K|\x1b\[1A|\x1b\[\?25[lh])", terminal.shown):
        match part:
            case "\n":
                lines.append("")
            case "\x1b[2K":
                lines[-1] = ""
            case "\x1b[1A":
                lines.pop()
            case "\r" | "\x1b[?25l" | "\x1b[?25h":
                pass
            case _:
                lines[-1] += part
    return lines


def picture(lines: list[str]) -> str:
    """Return lines of a terminal as SVG, which loads nothing."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in lines:
        console.print(Text.from_ansi(line))
    plain = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(
        title="ddbevents dev app.py:app Users --endpoint-url http://localhost:8000",
        code_format=plain,
        unique_id="dev",
    )


if __name__ == "__main__":
    main()
