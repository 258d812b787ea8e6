"""Checks the types of all Python in the README and the docs, as strictly as those of the code.

Each page is a module that has as many lines as the page: an error in line 40 of `how_to_deploy.py` is in line
40 of `how-to/deploy.md`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).parent.parent
BLOCK: Final = re.compile(
    r"^(?:```python|<!-- invisible-code-block: python)\n(.*?)^(?:```|-->)$", re.MULTILINE | re.DOTALL
)
PYRIGHT: Final = {
    "typeCheckingMode": "strict",
    "pythonVersion": "3.11",
    "reportDuplicateImport": False,  # a block imports what it uses, for who copies that block only
    "reportUnknownMemberType": False,  # boto3.client knows all services, and only some have types here
}
COMMANDS: Final = (
    ("mypy", "--config-file", str(ROOT / "pyproject.toml"), "."),
    ("pyright",),
    ("pyrefly", "check", "--python-version", "3.11"),
)


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each module."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        module = "".join(parts(path.read_text("utf-8")))
        if module:
            name = path.relative_to(ROOT).with_suffix(".py").as_posix().removeprefix("docs/")
            yield name.replace("/", "_").replace("-", "_"), module


def parts(page: str) -> Iterator[str]:
    """Yield the Python of a page, and an empty line for each of its other lines."""
    end = 0
    for block in BLOCK.finditer(page):
        yield "\n" * page.count("\n", end, block.start(1))
        yield block[1]
        end = block.end(1)


def main() -> int:
    """Run each type checker, and return 1 if one of them found an error."""
    with TemporaryDirectory() as folder:
        modules = dict(pages())
        for name, module in modules.items():
            Path(folder, name).write_text(module, "utf-8")
        Path(folder, "pyrightconfig.json").write_text(json.dumps(PYRIGHT), "utf-8")
        print(f"{len(modules)} pages", flush=True)
        codes = [subprocess.run(command, cwd=folder, check=False).returncode for command in COMMANDS]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
