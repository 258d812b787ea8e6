"""The comparison of the compiled decoder with the reference decoder notices when the compiled one is wrong.

Each fault is planted into the schemas that the decoder is made of, one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from random import Random
from typing import Any, Final, NamedTuple

import pytest
from pydantic import create_model
from pydantic_core import SchemaValidator

from ddbevents._codec._compile import build, compile_decoder, works  # faults are planted in what it compiles
from ddbevents._codec._model import Config, adapter
from ddbevents._codec._nodes import is_strict, outer_config
from ddbevents._codec._rewrite import rewrite
from ddbevents._codec._strict import relax
from tests.decoders_compared import ask, by_reference, difference
from tests.models_for_decoding import grown, mutate
from tests.test_compiled_pairs import PAIRS

Schema = Any
Edit = Callable[[dict[str, Any]], Schema]
MODELS: Final = 500  # after the pairs; the property itself tries more
pytestmark = pytest.mark.skipif(not works(), reason="this pydantic has no compiled decoder")


class Fault(NamedTuple):
    """Changes to the model's own schema and to the rewritten one, and how that is built."""

    name: str
    before: Edit = dict
    after: Edit = dict
    build: Callable[[Schema, Config], SchemaValidator] = build


def edited(schema: Schema, edit: Edit) -> Schema:
    """Return the schema with each of its nodes edited, from the inside out."""
    if isinstance(schema, dict):
        return edit({name: edited(part, edit) for name, part in schema.items()})
    if isinstance(schema, (list, tuple)):
        return type(schema)(edited(part, edit) for part in schema)
    return schema


def faulty(made: Any, fault: Fault) -> Callable[[Any], Any]:
    schema = adapter(made).core_schema
    rewritten = rewrite(edited(schema, fault.before), relax if is_strict(schema) else _same)
    return fault.build(edited(rewritten, fault.after), outer_config(schema)).validate_python


def _same(schema: Schema) -> Schema:
    return schema


def _kind(node: dict[str, Any]) -> object:
    return node.get("type")


def _is_getter(node: dict[str, Any], *inside: str) -> bool:
    return _kind(node) == "function-before" and _kind(node["schema"]) in inside


def _with_getter(node: dict[str, Any], get: Callable[[Callable[[Any], Any], Any], Any]) -> Schema:
    function = node["function"]["function"]
    return {**node, "function": {**node["function"], "function": partial(get, function)}}


def _is_text_of_number(node: dict[str, Any]) -> bool:
    return _kind(node) == "str" and "[0-9]+" in node.get("pattern", "") and node.get("min_length") == 1


def _numbers_unchecked(node: dict[str, Any]) -> Schema:
    is_number = _kind(node) == "chain" and _is_text_of_number(node["steps"][0])
    return {**node, "steps": node["steps"][1:]} if is_number else node


def _settings_inherited(node: dict[str, Any]) -> Schema:
    return {name: node[name] for name in ("type", "pattern", "strict")} if _is_text_of_number(node) else node


def _moments_unchecked(node: dict[str, Any]) -> Schema:
    is_moment = _kind(node) == "chain" and _kind(node["steps"][1]) in {
        "datetime",
        "date",
        "time",
        "timedelta",
    }
    return node["steps"][1] if is_moment else node


def _decimals_inexact(node: dict[str, Any]) -> Schema:
    return _with_getter(node, lambda _, text: Decimal(text)) if _is_getter(node, "decimal") else node


def _or_none(get: Callable[[Any], Any], value: Any) -> Any:
    try:
        return get(value)
    except KeyError:
        return None


def _nullable_by_get(node: dict[str, Any]) -> Schema:
    return _with_getter(node, _or_none) if _is_getter(node, "nullable") else node


def _sets_unchecked(node: dict[str, Any]) -> Schema:
    return _with_getter(node, _under_any_tag) if _is_getter(node, "set", "frozenset") else node


def _generic_undecoded(node: dict[str, Any]) -> Schema:
    return _with_getter(node, _under_any_tag) if _is_getter(node, "any", "union", "function-wrap") else node


def _under_any_tag(_: Any, value: Any) -> Any:
    [content] = value.values()
    return content


def _extras_undecoded(node: dict[str, Any]) -> Schema:
    return {name: part for name, part in node.items() if name != "extras_schema"}


def _unions_by_tag(node: dict[str, Any]) -> Schema:
    return {name: part for name, part in node.items() if name != "mode"} if _kind(node) == "union" else node


def _defaults_unchecked(node: dict[str, Any]) -> Schema:
    return {name: part for name, part in node.items() if name != "validate_default"}


def _depth_unchecked(node: dict[str, Any]) -> Schema:
    function = node.get("function")
    is_check = isinstance(function, dict) and getattr(function["function"], "__name__", "") == "check_depth"
    return node["schema"] if is_check else node


def _originals_replaced(node: dict[str, Any]) -> Schema:
    if _kind(node) != "definitions":
        return node
    copies = [part for part in node["definitions"] if str(part.get("ref")).startswith("typed:")]
    names = {part["ref"].removeprefix("typed:") for part in copies}

    def use_copy(part: dict[str, Any]) -> Schema:
        is_original = _kind(part) == "definition-ref" and part["schema_ref"] in names
        return {**part, "schema_ref": f"typed:{part['schema_ref']}"} if is_original else part

    return edited(node, use_copy)


FAULTS: Final = (
    Fault("numbers are not checked", after=_numbers_unchecked),
    Fault("numbers inherit the settings of the model", after=_settings_inherited),
    Fault("the text of moments is not checked", after=_moments_unchecked),
    Fault("Decimals are read inexactly", after=_decimals_inexact),
    Fault("an optional takes the wrong tag for None", after=_nullable_by_get),
    Fault("sets may hold a member twice", after=_sets_unchecked),
    Fault("generic nodes see the undecoded content", after=_generic_undecoded),
    Fault("extras are not decoded", after=_extras_undecoded),
    Fault("all unions choose by tag", before=_unions_by_tag),
    Fault("defaults are not validated", before=_defaults_unchecked),
    Fault("no depth is too much", after=_depth_unchecked),
    Fault("generic nodes use rewritten definitions", after=_originals_replaced),
)


def wrong_answers(fault: Fault) -> Iterator[str]:
    """Yield wrong answers, over the pairs and over the models that the property might try."""
    for hint, images in chain(_pairs(), _models()):
        if compile_decoder(hint).compiled is not None:
            compiled, reference = _built(hint, fault), by_reference(hint)
            yield from filter(None, (difference(compiled, reference, image) for image in images))


def _pairs() -> Iterator[tuple[Any, list[Any]]]:
    return ((pair.model, [pair.image]) for pair in PAIRS.values())


def _models() -> Iterator[tuple[Any, list[Any]]]:
    for seed in range(MODELS):
        random = Random(seed)  # noqa: S311  # no secret
        kind = grown(random)
        if kind is not None:
            correct = kind.grow(random)["M"]
            yield kind.hint, [correct, *(mutate(random, correct) for _ in range(5))]


def _built(made: Any, fault: Fault) -> Callable[[Any], Any]:
    # with some faults some models cannot be compiled
    with suppress(Exception):
        return faulty(made, fault)
    return compile_decoder(made).validate  # pragma: no cover  # not with every pydantic


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault: Fault) -> None:
    assert [*islice(wrong_answers(fault), 1)]


def test_no_fault_means_no_finding() -> None:
    assert [*islice(wrong_answers(Fault("none")), 1)] == []


def test_the_reference_is_not_compiled() -> None:
    # the comparisons rest on it: the compiled decoder would not look for a second tag
    model = create_model("Made", field=(str, ...))

    assert ask(by_reference(model), {"field": {"S": "a", "N": "1"}}).error is not None
