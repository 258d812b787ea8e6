"""Event filter patterns: which records match, and which patterns are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbevents import ConfigurationError
from ddbevents.testing import EventSourceMapping, Table, insert, matches_pattern, remove

ORDER = {
    "pk": "customer#1815",
    "status": "OPEN",
    "note": "",
    "total": 300,
    "paid": False,
    "gift": None,
    "tags": ["blue", {"name": "red", "size": "L"}, {"name": "green", "size": "S"}],
    "labels": {"a", "b"},
}
RECORD = insert(ORDER)
STATUS = ("dynamodb", "NewImage", "status", "S")


def at(path: tuple[str, ...], *alternatives: Any) -> dict[str, Any]:
    """Return the pattern with these alternatives at the end of the path."""
    first, *rest = path
    return {first: at(tuple(rest), *alternatives) if rest else list(alternatives)}


def new(*path: str) -> tuple[str, ...]:
    return ("dynamodb", "NewImage", *path)


@pytest.mark.parametrize(
    "pattern",
    [
        at(STATUS, "OPEN"),
        at(STATUS, "CLOSED", "OPEN"),
        at(STATUS, {"prefix": "OP"}),
        at(STATUS, {"prefix": ""}),
        at(STATUS, {"suffix": "EN"}),
        at(STATUS, {"equals-ignore-case": "OpEn"}),
        at(STATUS, {"anything-but": "CLOSED"}),
        at(STATUS, {"anything-but": ["CLOSED", "PAID"]}),
        at(STATUS, {"anything-but": [1, 2.5]}),
        at(STATUS, {"exists": True}),
        at(new("note", "S"), ""),
        {"dynamodb": {"NewImage": {"paid": {"BOOL": [False]}}}},
        {"dynamodb": {"NewImage": {"gift": {"NULL": [True]}}}},
        at(new("total", "N"), "300"),
        at(new("missing", "S"), {"exists": False}),
        at(new("status", "N"), {"exists": False}),
        at(("dynamodb", "OldImage", "status", "S"), {"exists": False}),
        at(("dynamodb", "SizeBytes", "deeper"), {"exists": False}),
        at(("eventName",), "INSERT"),
        at(("eventName",), "REMOVE", {"prefix": "INS"}),
        at(("dynamodb", "SizeBytes"), {"numeric": [">", 0]}),
        at(("dynamodb", "SizeBytes"), {"numeric": [">=", 1, "<", 100000]}),
        at(("dynamodb", "ApproximateCreationDateTime"), {"numeric": ["=", 1767225600]}),
        at(("dynamodb", "ApproximateCreationDateTime"), {"numeric": ["<=", 1767225600]}),
        at(("dynamodb", "ApproximateCreationDateTime"), {"numeric": ["<=", 1767225601]}),
        at(("dynamodb", "ApproximateCreationDateTime"), {"numeric": [">=", 1767225600]}),
        at(("dynamodb", "ApproximateCreationDateTime"), {"numeric": [">=", 1767225600, "<", 1767225601]}),
        at(("dynamodb", "ApproximateCreationDateTime"), {"numeric": [">", 1767225599, "<=", 1767225600]}),
        at(("dynamodb", "ApproximateCreationDateTime"), 1767225600),
        at(new("labels", "SS"), "b"),
        at(new("tags", "L", "M", "name", "S"), "green"),
        at(new("tags", "L", "S"), "blue"),
        {"eventName": ["INSERT"], **at(STATUS, "OPEN")},
        {"$or": [{"eventName": ["REMOVE"]}, at(STATUS, "OPEN")]},
        {"$or": [{"eventName": ["REMOVE"]}, at(new("missing", "S"), {"exists": False})]},
        {"dynamodb": {"$or": [{"Keys": at(("pk", "S"), "x")}, {"NewImage": at(("status", "S"), "OPEN")}]}},
    ],
    ids=json.dumps,
)
def test_a_pattern_matches(pattern: dict[str, Any]) -> None:
    assert matches_pattern(pattern, RECORD)
    assert matches_pattern(json.dumps(pattern), RECORD)


@pytest.mark.parametrize(
    "pattern",
    [
        at(STATUS, "open"),
        at(STATUS, {"prefix": "EN"}),
        at(STATUS, {"suffix": "OP"}),
        at(STATUS, {"equals-ignore-case": "closed"}),
        at(STATUS, {"anything-but": "OPEN"}),
        at(STATUS, {"anything-but": ["CLOSED", "OPEN"]}),
        at(STATUS, {"exists": False}),
        at(STATUS, None),
        at(new("missing", "S"), {"exists": True}),
        at(new("missing", "S"), {"anything-but": "OPEN"}),
        at(new("missing", "S"), None),
        at(new("paid", "BOOL"), 0),
        at(new("paid", "BOOL"), {"prefix": "f"}),
        at(new("paid", "BOOL"), {"numeric": ["=", 0]}),
        at(("dynamodb", "ApproximateCreationDateTime"), 1767225600.0),
        at(("dynamodb", "SizeBytes"), {"numeric": ["<", 0]}),
        at(("dynamodb", "SizeBytes"), {"numeric": [">", 0, "<", 1]}),
        at(("dynamodb", "ApproximateCreationDateTime"), {"numeric": ["=", 1767225599]}),
        at(("dynamodb", "ApproximateCreationDateTime"), {"numeric": ["=", 1767225601]}),
        at(("dynamodb", "ApproximateCreationDateTime"), {"numeric": ["<", 1767225600]}),
        at(("dynamodb", "ApproximateCreationDateTime"), {"numeric": [">", 1767225600]}),
        at(("dynamodb", "ApproximateCreationDateTime"), {"numeric": [">", 1767225601]}),
        at(("eventName", "deeper"), "INSERT"),
        {"eventName": ["REMOVE"], **at(STATUS, "OPEN")},
        {"$or": [{"eventName": ["REMOVE"]}, at(STATUS, "CLOSED")]},
        {"$or": [{"eventName": ["REMOVE"]}, at(STATUS, {"exists": False})]},
        {"eventName": ["REMOVE"], "$or": [{"eventName": ["INSERT"]}, at(STATUS, "OPEN")]},
    ],
    ids=json.dumps,
)
def test_a_pattern_does_not_match(pattern: dict[str, Any]) -> None:
    assert not matches_pattern(pattern, RECORD)


@pytest.mark.parametrize("comparison", [["=", 300], [">", 0], ["<", 1000], [">", 0, "<=", 300]])
def test_numeric_matches_no_text(comparison: list[Any]) -> None:
    assert not matches_pattern(at(new("total", "N"), {"numeric": comparison}), RECORD)


@pytest.mark.parametrize("text", ["300.0", "3E+2", "0300"])
def test_a_number_matches_by_exact_text(text: str) -> None:
    assert not matches_pattern(at(new("total", "N"), text), RECORD)


def test_the_type_tag_is_in_the_path() -> None:
    assert not matches_pattern(at(new("status"), "OPEN"), RECORD)


def test_exists_false_ignores_non_leaves() -> None:
    assert matches_pattern(at(new("status"), {"exists": False}), RECORD)
    assert matches_pattern(at(new("missing"), {"exists": False}), RECORD)


def test_exists_true_needs_a_leaf() -> None:
    assert not matches_pattern(at(new("status"), {"exists": True}), RECORD)


def test_null_matches_null_not_absence() -> None:
    assert matches_pattern(at(("userIdentity",), None), {**RECORD, "userIdentity": None})
    assert not matches_pattern(at(("userIdentity",), None), RECORD)


def test_an_expiry_can_be_filtered() -> None:
    pattern = at(("userIdentity", "principalId"), "dynamodb.amazonaws.com")

    assert matches_pattern(pattern, remove({"pk": "a"}, expired=True))
    assert not matches_pattern(pattern, remove({"pk": "a"}))


def test_the_last_of_two_names_counts() -> None:
    assert matches_pattern('{"eventName": ["REMOVE"], "eventName": ["INSERT"]}', RECORD)
    assert not matches_pattern('{"eventName": ["INSERT"], "eventName": ["REMOVE"]}', RECORD)


def test_fields_match_in_one_element() -> None:
    red, green = {"S": ["red"]}, {"S": ["green"]}
    large = {"S": ["L"]}

    assert matches_pattern(at_tags({"name": red, "size": large}), RECORD)
    assert not matches_pattern(at_tags({"name": green, "size": large}), RECORD)


def at_tags(fields: dict[str, Any]) -> dict[str, Any]:
    return {"dynamodb": {"NewImage": {"tags": {"L": {"M": fields}}}}}


def test_exists_looks_at_all_elements() -> None:
    assert matches_pattern(at_tags({"color": {"S": [{"exists": False}]}}), RECORD)
    assert not matches_pattern(at_tags({"name": {"S": [{"exists": False}]}}), RECORD)


def test_an_empty_array_has_no_elements() -> None:
    record = insert({"pk": "a", "tags": []})

    assert matches_pattern(at_tags({"name": {"S": [{"exists": False}]}}), record)
    assert not matches_pattern(at_tags({"name": {"S": ["red"]}}), record)
    assert matches_pattern(at(new("tags", "L"), {"exists": False}), record)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("no json", "JSON object"),
        ("[]", "JSON object"),
        ({"eventName": [b"INSERT"]}, "JSON object"),
        ({}, "an empty object"),
        ({"dynamodb": {}}, "dynamodb: an empty object"),
        ({"eventName": []}, "eventName: a value must be a list"),
        ({"eventName": "INSERT"}, "eventName: a value must be a list"),
        ({"eventName": [["INSERT"]]}, "a list within a list"),
        ({"eventName": [{"prefix": "I", "suffix": "T"}]}, "an object with one name"),
        ({"eventName": [{}]}, "an object with one name"),
        ({"eventName": [{"wildcard": "I*"}]}, "no such operator"),
        ({"eventName": [{"cidr": "10.0.0.0/8"}]}, "no such operator"),
        ({"eventName": [{"prefix": 1}]}, "no such operator"),
        ({"eventName": [{"exists": "yes"}]}, "no such operator"),
        ({"eventName": [{"anything-but": []}]}, "no such operator"),
        ({"eventName": [{"anything-but": ["a", 1]}]}, "no such operator"),
        ({"eventName": [{"anything-but": None}]}, "no such operator"),
        ({"eventName": [{"anything-but": {"prefix": "I"}}]}, "no such operator"),
        ({"eventName": [{"numeric": 5}]}, "no such operator"),
        ({"eventName": [{"numeric": [">"]}]}, "no such operator"),
        ({"eventName": [{"numeric": ["!=", 5]}]}, "no such operator"),
        ({"eventName": [{"numeric": [">", "5"]}]}, "no such operator"),
        ({"eventName": [{"numeric": [">", True]}]}, "no such operator"),
        ({"eventName": [{"numeric": [">", 0, "<", 5, "=", 3]}]}, "no such operator"),
        ({"eventName": [{"numeric": [5, ">"]}]}, "no such operator"),
        ({"eventName": [{"numeric": [">", 0, "<", "5"]}]}, "no such operator"),
        ({"eventName": [{"numeric": [">", "0", "<", 5]}]}, "no such operator"),
        ({"eventName": [{"numeric": ["<", 5, ">", 0]}]}, "no such operator"),
        ({"eventName": [{"numeric": [">", 0, ">", 5]}]}, "no such operator"),
        ({"eventName": [{"numeric": ["=", 0, "<", 5]}]}, "no such operator"),
        ({"eventName": [{"numeric": [">", 5, "<", 0]}]}, "no such operator"),
        ({"eventName": [{"numeric": [">=", 5, "<=", 5]}]}, "no such operator"),
        ({"$or": [{"eventName": ["INSERT"]}]}, "at least two objects"),
        ({"$or": {"eventName": ["INSERT"]}}, "at least two objects"),
        ({"$or": 2}, "at least two objects"),
        ({"$or": [{"eventName": ["INSERT"]}, "x"]}, "at least two objects"),
        ({"$or": [{"eventName": ["INSERT"]}, {}]}, "an empty object"),
        ({"eventName": ["x" * 4096]}, "at most 4096 characters"),
    ],
    ids=str,
)
def test_an_invalid_pattern_is_refused(pattern: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        matches_pattern(pattern, RECORD)


def test_the_error_names_the_path() -> None:
    with pytest.raises(ConfigurationError, match=r"filter pattern: dynamodb\.NewImage\.\$or: needs"):
        matches_pattern({"dynamodb": {"NewImage": {"$or": []}}}, RECORD)


def test_the_error_names_the_whole_pattern() -> None:
    with pytest.raises(ConfigurationError, match="refuse the filter pattern: the pattern: an empty object"):
        matches_pattern({}, RECORD)


def test_a_pattern_is_counted_compactly() -> None:
    assert not matches_pattern({"eventName": ["x" * 2038, "y" * 2037]}, RECORD)


def test_a_pattern_has_4096_characters() -> None:
    text = json.dumps({"eventName": ["x" * 4078]}, separators=(",", ":"))

    assert len(text) == 4096
    assert not matches_pattern(text, RECORD)


LEAVES = st.sampled_from(["OPEN", "CLOSED", "", "open"])


@given(LEAVES, LEAVES, LEAVES)
def test_anything_but_negates_literals(status: str, one: str, other: str) -> None:
    record = insert({"pk": "a", "status": status})

    assert matches_pattern(at(STATUS, {"anything-but": [one, other]}), record) is not matches_pattern(
        at(STATUS, one, other), record
    )


@pytest.mark.parametrize(
    ("wanted", "text", "expected"),
    [
        ("straße", "STRASSE", True),
        ("straße", "strasse", False),
        ("STRASSE", "straße", False),
        ("k\u212a", "Kk", True),
        ("kk", "k\u212a", False),
        ("a.c", "A.C", True),
        ("a.c", "ABC", False),
        ("open", "OPENED", False),
        ("open", "REOPEN", False),
        ("", "", True),
    ],
)
def test_equals_ignore_case(wanted: str, text: str, *, expected: bool) -> None:
    record = insert({"pk": "a", "status": text})

    assert matches_pattern(at(STATUS, {"equals-ignore-case": wanted}), record) is expected


def test_filters_are_alternatives() -> None:
    seen: list[str] = []
    mapping = EventSourceMapping(
        lambda event, _: seen.extend(record["eventName"] for record in event["Records"]),
        filters=[{"eventName": ["INSERT"]}, '{"eventName": ["REMOVE"]}'],
    )
    table = Table()

    mapping.put(table.insert({"pk": 1}), table.modify({"pk": 1}, {"pk": 1, "a": 1}), table.remove({"pk": 1}))
    mapping.run()

    assert seen == ["INSERT", "REMOVE"]


def test_a_filtered_record_is_dropped() -> None:
    mapping = EventSourceMapping(lambda _, __: None, batch_size=2, filters=[at(STATUS, "OPEN")])
    table = Table()
    kept = [table.insert({"pk": 1, "status": "OPEN"}) for _ in range(2)]
    gone = table.insert({"pk": 1, "status": "CLOSED"})

    mapping.put(kept[0], gone, kept[1])
    history = mapping.run()

    assert [list(invocation.records) for invocation in history.invocations] == [kept]
    assert history.filtered == [gone]


def test_a_mapping_has_at_most_ten_filters() -> None:
    with pytest.raises(ConfigurationError, match="at most 10 filters"):
        EventSourceMapping(lambda _, __: None, filters=[{"eventName": ["INSERT"]}] * 11)
