"""Images that a condition holds for, or does not."""

from __future__ import annotations

from random import Random
from typing import Any, TypeAlias

from ..._conditions import Condition, matches
from ..._errors import AttributePath
from ._values import around

Image: TypeAlias = dict[str, Any]


def solved(condition: Condition, image: Image, random: Random, *, holds: bool) -> Image:
    """Return an image changed so that a condition holds, or does not, as far as its parts allow it."""
    match condition.operator:
        case "not":
            return solved(condition.conditions[0], image, random, holds=not holds)
        case "and" | "or" as junction:
            needs_all = (junction == "and") is holds
            parts = condition.conditions if needs_all else [random.choice(condition.conditions)]
            for part in parts:
                image = solved(part, image, random, holds=holds)
            return image
        case _:
            return _compared(condition, image, random, holds=holds)


def _compared(condition: Condition, image: Image, random: Random, *, holds: bool) -> Image:
    changed = [
        with_attribute(image, condition.path, value)
        for value in around(condition.operator, condition.operands)
    ]
    suiting = [each for each in changed if matches(condition, each) is holds]
    return random.choice(suiting) if suiting else image


def with_attribute(image: Image, path: AttributePath, value: Any) -> Image:
    """Return an image with another attribute value at a path; None for an attribute that is absent."""
    name, rest = str(path[0]), path[1:]
    inner = _inside(image.get(name), rest, value) if rest else value
    others = {each: attribute for each, attribute in image.items() if each != name}
    return others if inner is None else {**others, name: inner}


def _inside(attribute: Any, path: AttributePath, value: Any) -> Any:
    if isinstance(path[0], str):
        content = (attribute or {}).get("M", {})
        return {"M": with_attribute(content, path, value)}
    index: int = max(path[0], 0)
    members = [*(attribute or {}).get("L", [])][: index + 1]
    members += [{"NULL": True}] * (index + 1 - len(members))
    inner = _inside(members[index], path[1:], value) if path[1:] else value
    return {"L": members[:index] if inner is None else [*members[:index], inner]}
