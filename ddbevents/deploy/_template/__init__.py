"""The CloudFormation or SAM template of an app. Its text in YAML is in `_yaml`, which loads ruamel.yaml."""

from __future__ import annotations

from ._template import template

__all__ = ["template"]
