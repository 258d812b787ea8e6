"""A template as YAML that people read: CloudFormation's short forms, and comments. Loads ruamel.yaml."""

from __future__ import annotations

import io
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.scalarstring import SingleQuotedScalarString
from ruamel.yaml.tag import Tag

from ._comments import COMMENTS
from ._parts import Json

_OF_LISTS: Final = frozenset({"Fn::Equals", "Fn::If", "Fn::Not"})
_WIDTH: Final = 100_000  # no line is folded: a filter is easier to copy in one


def to_yaml(template: Json) -> str:
    """Return a template as text, with comments."""
    yaml = YAML()
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(_mapped(template, ""), text)
    return text.getvalue()


def _mapped(value: Json, path: str) -> Any:
    made = CommentedMap()
    for name, part in value.items():
        inner = f"{path}.{name}".removeprefix("Resources.") if path else name
        made[name] = _written(part, inner)
        if comment := COMMENTS.get(inner):
            made.yaml_set_comment_before_after_key(name, before=comment, indent=2 * inner.count(".") + 2)
    return made


def _written(value: Any, path: str) -> Any:
    if isinstance(value, dict):
        called = _called(value)
        return _mapped(value, path) if called is None else called
    if isinstance(value, list):
        return _listed(value)
    if isinstance(value, str) and value.startswith("{"):
        return SingleQuotedScalarString(value)  # JSON
    return value


def _called(value: Json) -> Any:
    """Return the short form of a function of CloudFormation; None if it is none."""
    match value:
        case {"Ref": str(name)}:
            return TaggedScalar(value=name, style=None, tag="!Ref")
        case {"Fn::Sub": str(text)}:
            return TaggedScalar(value=text, style="'", tag="!Sub")
        case {"Fn::GetAtt": [resource, attribute]}:
            return TaggedScalar(value=f"{resource}.{attribute}", style=None, tag="!GetAtt")
        case dict() if value.keys() <= _OF_LISTS:
            [(name, parts)] = value.items()
            made = CommentedSeq(_written(part, "") for part in parts)
            made.fa.set_flow_style()
            made.yaml_set_ctag(Tag(suffix=f"!{name.removeprefix('Fn::')}"))
            return made
        case _:
            return None


def _listed(value: list[Any]) -> Any:
    made = CommentedSeq(_written(each, "") for each in value)
    if all(isinstance(each, str) for each in value):
        made.fa.set_flow_style()
    return made
