"""The terms in which the parts of a template are written: CloudFormation's functions, and ARNs."""

from __future__ import annotations

import re
from typing import Any, Final, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]
Syntax: TypeAlias = Literal["sam", "cloudformation"]

RETAINED: Final = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
"""What keeps a table, a queue or a bucket when the stack is deleted."""


def ref(name: str) -> Json:
    """Return what CloudFormation puts in for a resource or a parameter: mostly its name."""
    return {"Ref": name}


def arn_of(resource: str) -> Json:
    """Return the ARN of a resource of the template."""
    return {"Fn::GetAtt": [resource, "Arn"]}


def substituted(text: str) -> Any:
    """Return a text with `${...}` in it as CloudFormation fills it in, and any other text as it is."""
    if (alone := re.fullmatch(r"\$\{(\w+)\}", text)) is not None:
        return ref(alone[1])
    return {"Fn::Sub": text} if "${" in text else text
