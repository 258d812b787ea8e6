from __future__ import annotations

import time
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from ddbevents import InvalidItemError, Modify, Outcome, StreamApp, decode_value, encode_value
from tests.stream import CANARY, batch, modify, shown

NUMBERS = st.one_of(
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**20), max_value=10**20),
    st.builds(
        lambda digits, exponent: Decimal(digits).scaleb(exponent),
        st.integers(-(10**38) + 1, 10**38 - 1),
        st.integers(-92, 87),
    ),
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.text(),
        st.binary(),
        NUMBERS,
        st.sets(st.text(), min_size=1),
        st.sets(NUMBERS, min_size=1),
        st.sets(st.binary(), min_size=1),
    ),
    lambda inside: st.one_of(st.lists(inside), st.dictionaries(st.text(), inside)),
    max_leaves=20,
)


class Item(BaseModel):
    value: Any


app = StreamApp("values")


@app.on_modify(Item, changed="value")
def note(_: Modify[Item]) -> None: ...


def differ(left: object, right: object) -> bool:
    """Return whether a handler of changed values would take a record with these two."""
    key = {"S": "a"}
    record = modify(1, {"pk": key, "value": left}, {"pk": key, "value": right})
    [report] = app.preview(batch(record)).records
    if report.error is not None:
        raise report.error
    return report.outcome is not Outcome.IGNORED


@given(VALUES)
def test_decode_inverts_encode_value(value: Any) -> None:
    assert decode_value(encode_value(value)) == value


@given(VALUES)
def test_a_value_equals_itself_only(value: Any) -> None:
    attribute = encode_value(value)

    assert not differ(attribute, encode_value(value))
    assert differ(attribute, encode_value([value]))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ({"S": ""}, ""),
        ({"S": "Zürich"}, "Zürich"),
        ({"N": "0"}, 0),
        ({"N": "-7"}, -7),
        ({"N": "007"}, 7),
        ({"N": "7.50"}, Decimal("7.50")),
        ({"N": "1E+2"}, Decimal(100)),
        ({"N": "1e-130"}, Decimal("1E-130")),
        ({"N": "9.9999999999999999999999999999999999999E+125"}, Decimal("9." + "9" * 37 + "E+125")),
        ({"N": "1" + "0" * 125}, Decimal(10) ** 125),
        ({"N": "0." + "0" * 129 + "1"}, Decimal("1E-130")),
        ({"N": "1." + "0" * 60}, Decimal(1)),
        ({"N": "0.000"}, Decimal(0)),
        ({"B": "Zm9vYmFy"}, b"foobar"),
        ({"B": b"foobar"}, b"foobar"),
        ({"B": ""}, b""),
        ({"BOOL": False}, False),
        ({"NULL": True}, None),
        ({"SS": ["a", "b"]}, {"a", "b"}),
        ({"NS": ["1", "2.5"]}, {1, Decimal("2.5")}),
        ({"NS": ["1", "1.0"]}, {1}),
        ({"BS": ["Zm9v", b"bar"]}, {b"foo", b"bar"}),
        ({"L": [{"S": "a"}, {"L": []}]}, ["a", []]),
        ({"M": {"a": {"M": {}}, "": {"NULL": True}}}, {"a": {}, "": None}),
    ],
)
def test_every_type_decodes_exactly(attribute: dict[str, Any], value: object) -> None:
    decoded = decode_value(attribute)

    assert decoded == value
    assert type(decoded) is type(value)


def test_minus_zero_keeps_its_sign() -> None:
    assert str(decode_value({"N": "-0"})) == "-0"
    assert str(decode_value({"N": "-00"})) == "-0"


@given(st.integers(-(10**38) + 1, 10**38 - 1))
def test_38_digits_are_an_exact_int(number: int) -> None:
    decoded = decode_value({"N": str(number)})

    assert decoded == number
    assert type(decoded) is int


@pytest.mark.parametrize(
    "attribute",
    [
        {"S": "a"},
        {"N": "1.25"},
        {"B": b"a"},
        {"SS": ["a"]},
        {"L": [{"BOOL": True}]},
        {"M": {"a": {"NULL": True}}},
    ],
    ids=str,
)
def test_boto3_decodes_to_equal_values(attribute: Any) -> None:
    assert TypeDeserializer().deserialize(attribute) == decode_value(attribute)


REFUSED: list[tuple[object, str]] = [
    (None, "one type tag"),
    ([], "one type tag"),
    (CANARY, "one type tag"),
    ({}, "not 0"),
    ({"S": CANARY, "N": "1"}, "not 2"),
    ({CANARY: "x"}, "none of"),
    ({"s": CANARY}, "none of"),
    ({"S": None}, "S holds"),
    ({"S": 1}, "S holds"),
    ({"N": 1}, "N holds"),
    ({"N": ""}, "N holds"),
    ({"N": "NaN"}, "N holds"),
    ({"N": "-Infinity"}, "N holds"),
    ({"N": "1_000"}, "N holds"),
    ({"N": " 1"}, "N holds"),
    ({"N": "1\n"}, "N holds"),
    ({"N": "+1"}, "N holds"),
    ({"N": ".5"}, "N holds"),
    ({"N": "1."}, "N holds"),
    ({"N": "١"}, "N holds"),
    ({"N": "0x1F"}, "N holds"),
    ({"N": "1" * 201}, "N holds"),
    ({"N": "1" * 39}, "38 significant digits"),
    ({"N": "1E+126"}, "38 significant digits"),
    ({"N": "1E-131"}, "38 significant digits"),
    ({"N": "1e999999999999999999999"}, "38 significant digits"),
    ({"B": "!!!"}, "B holds"),
    ({"B": "aGk"}, "B holds"),
    ({"B": "aG k="}, "B holds"),
    ({"B": "aGkA="}, "B holds"),
    ({"B": "ü"}, "B holds"),
    ({"B": 1}, "B holds"),
    ({"BOOL": "true"}, "BOOL holds"),
    ({"BOOL": 1}, "BOOL holds"),
    ({"NULL": False}, "NULL holds"),
    ({"NULL": 1}, "NULL holds"),
    ({"SS": []}, "at least one"),
    ({"SS": CANARY}, "at least one"),
    ({"SS": [CANARY, CANARY]}, "twice"),
    ({"SS": [1]}, "S holds"),
    ({"SS": [{}]}, "S holds"),
    ({"NS": ["1", "1"]}, "twice"),
    ({"NS": [1]}, "N holds"),
    ({"BS": ["Zm9v", "Zm9v"]}, "twice"),
    ({"L": {}}, "L holds"),
    ({"L": CANARY}, "L holds"),
    ({"M": []}, "M holds"),
    ({"M": None}, "M holds"),
]


@pytest.mark.parametrize(("attribute", "reason"), REFUSED, ids=lambda value: ascii(value)[:40])
def test_bad_values_are_not_shown(attribute: Any, reason: str) -> None:
    with pytest.raises(InvalidItemError, match=reason) as refused:
        decode_value(attribute)

    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(("attribute", "reason"), REFUSED, ids=lambda value: ascii(value)[:40])
def test_bad_values_are_not_compared(attribute: Any, reason: str) -> None:
    with pytest.raises(InvalidItemError, match=reason):
        differ({"L": [attribute]}, {"S": "a"})


def test_a_decoding_error_has_a_path() -> None:
    with pytest.raises(InvalidItemError) as refused:
        decode_value({"M": {"lines": {"L": [{"N": "1"}, {"M": {"price": {"N": CANARY}}}]}}})

    assert refused.value.path == ("lines", 1, "price")
    assert refused.value.found == "N"
    assert str(refused.value).startswith("lines[1].price: N holds")


def nested(depth: int) -> dict[str, Any]:
    attribute: dict[str, Any] = {"S": "deep"}
    for _ in range(depth):
        attribute = {"L": [attribute]}
    return attribute


def test_40_levels_are_read() -> None:
    assert decode_value(nested(40))


def test_40_levels_are_compared() -> None:
    # the value itself is the first
    assert not differ(nested(39), nested(39))


@pytest.mark.parametrize("depth", [41, 5_000])
def test_deeper_values_are_refused(depth: int) -> None:
    with pytest.raises(InvalidItemError, match="nested deeper than 40 levels"):
        decode_value(nested(depth))


@pytest.mark.parametrize("depth", [40, 5_000])
def test_deeper_ones_are_not_compared(depth: int) -> None:
    with pytest.raises(InvalidItemError, match="nested deeper than 40 levels"):
        differ(nested(depth), nested(depth))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"N": "1"}, {"N": "1.0"}),
        ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}),
        ({"NS": ["1", "2"]}, {"NS": ["2.0", "1"]}),
        ({"B": "Zm9v"}, {"B": b"foo"}),
        ({"M": {"a": {"N": "1"}, "b": {"S": ""}}}, {"M": {"b": {"S": ""}, "a": {"N": "1.0"}}}),
        ({"L": [{"N": "1"}]}, {"L": [{"N": "1e0"}]}),
    ],
)
def test_spellings_of_a_value_are_equal(left: Any, right: Any) -> None:
    assert not differ(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"N": "1"}, {"BOOL": True}),
        ({"N": "1"}, {"S": "1"}),
        ({"SS": ["a"]}, {"L": [{"S": "a"}]}),
        ({"B": "YQ=="}, {"S": "a"}),
        ({"L": [{"N": "1"}]}, {"L": [{"BOOL": True}]}),
        ({"L": []}, {"M": {}}),
    ],
)
def test_types_are_never_equal(left: Any, right: Any) -> None:
    assert differ(left, right)


@given(NUMBERS, NUMBERS | st.sampled_from(["0", "-0", "0E-200", "1E+2", "100", "1.00"]))
def test_numbers_in_sets_are_equal_alike(left: Any, right: Any) -> None:
    one = encode_value(left)["N"]
    others = [f"{right}", one, f"{Decimal(one):f}"]

    assert [differ({"NS": [one]}, {"NS": [other]}) for other in others] == [
        differ({"N": one}, {"N": other}) for other in others
    ]


def test_colliding_numbers_are_compared_quickly() -> None:
    # Python gives all multiples of this number the same hash
    numbers = [str(factor * (2**61 - 1)) for factor in range(1, 15_001)]
    start = time.process_time()

    assert not differ({"NS": numbers}, {"NS": numbers[::-1]})
    assert differ({"NS": numbers}, {"NS": numbers[1:]})
    assert time.process_time() - start < 5


class Colour(Enum):
    RED = "red"


class Shown(float):
    def __repr__(self) -> str:
        return "Shown"


class Size(IntEnum):
    SMALL = 1


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        (0.1, {"N": "0.1"}),
        (1e20, {"N": "1E+20"}),
        (-0.0, {"N": "0"}),
        (10**125, {"N": "1." + "0" * 37 + "E+125"}),
        (Colour.RED, {"S": "red"}),
        (Size.SMALL, {"N": "1"}),
        ({Colour.RED}, {"SS": ["red"]}),
        ({0.1, Decimal("0.1"), Decimal("0.10")}, {"NS": ["0.1"]}),
        (Shown(0.5), {"N": "0.5"}),
        (Decimal("0E-200"), {"N": "0"}),
        (bytearray(b"a"), {"B": b"a"}),
        (memoryview(b"a"), {"B": b"a"}),
        ((1, "a"), {"L": [{"N": "1"}, {"S": "a"}]}),
        (frozenset({b"a"}), {"BS": [b"a"]}),
        ({1: "a", Colour.RED: "b"}, {"M": {"1": {"S": "a"}, "red": {"S": "b"}}}),
    ],
    ids=shown,
)
def test_more_types_can_be_encoded(value: object, attribute: dict[str, Any]) -> None:
    assert encode_value(value) == attribute


@given(st.floats(min_value=1e-120, max_value=1e120))
def test_a_float_comes_back(number: float) -> None:
    decoded: Any = decode_value(encode_value(number))

    assert float(decoded) == number


class Opaque:
    pass


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    a: int = 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (set(), "no empty set"),
        pytest.param({"a", 1}, "only text", id="text and number"),
        ({True}, "only text"),
        ({(1, 2)}, "only text"),
        (float("nan"), "no NaN"),
        (float("inf"), "no NaN"),
        (Decimal("NaN"), "no NaN"),
        (Decimal("sNaN"), "no NaN"),
        (10**38 + 1, "38 significant digits"),
        (Decimal("1E+126"), "38 significant digits"),
        (1e-200, "38 significant digits"),
        (Opaque(), "no type for Opaque"),
        ({(1, 2): 3}, "a name in a map"),
        ({1: "a", "1": "b"}, "written alike"),
        (frozenset([Frozen()]), "pydantic cannot write it"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_unstorable_values_are_refused(value: object, reason: str) -> None:
    with pytest.raises(InvalidItemError, match=reason):
        encode_value(value)


@pytest.mark.parametrize(
    "value", [set(), Decimal("1E+126"), Decimal("NaN"), 10**38 + 1, float("inf")], ids=str
)
def test_an_encoding_error_has_a_path(value: object) -> None:
    with pytest.raises(InvalidItemError) as refused:
        encode_value({"lines": [{"tags": value}]})

    assert refused.value.path == ("lines", 0, "tags")


def test_large_numbers_are_written() -> None:
    number = 10**38 - 1

    assert encode_value([number, -number, 10**40, Decimal(0)]) == {
        "L": [{"N": "9" * 38}, {"N": "-" + "9" * 38}, {"N": "1." + "0" * 37 + "E+40"}, {"N": "0"}]
    }


def test_a_cycle_is_refused() -> None:
    circle: list[object] = []
    circle.append(circle)

    with pytest.raises(InvalidItemError):
        encode_value(circle)
