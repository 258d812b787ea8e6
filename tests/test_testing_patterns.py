"""Event filter patterns: which records match, and which patterns are refused."""

from __future__ import annotations

import gzip
import json
from functools import reduce
from pathlib import Path
from typing import Any, Final

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
VECTORS: Final = Path(__file__).parent / "events" / "event_ruler.jsonl.gz"
STATUS = ("dynamodb", "NewImage", "status", "S")


def leaf(name: str, text: str) -> dict[str, Any]:
    """Return what a pattern wants of an attribute."""
    return {name: {"S": [text]}}


def at(path: tuple[str, ...], *alternatives: Any) -> dict[str, Any]:
    """Return the pattern with these alternatives at the end of the path."""
    first, *rest = path
    return {first: at(tuple(rest), *alternatives) if rest else list(alternatives)}


def new(*path: str) -> tuple[str, ...]:
    return ("dynamodb", "NewImage", *path)


def test_filters_judge_as_event_ruler_does() -> None:
    """1,200 patterns, each with a record and the verdict of AWS's own Event Ruler 2.0.1."""
    vectors = [json.loads(line) for line in gzip.decompress(VECTORS.read_bytes()).splitlines()]

    wrong = [each for each in vectors if matches_pattern(each["pattern"], each["record"]) != each["matches"]]

    assert len(vectors) == 1200
    assert wrong == []


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
        at(("dynamodb", "ApproximateCreationDateTime"), 1767225600.0),
        {"dynamodb.NewImage.status.S": ["OPEN"]},
        {"dynamodb": {"NewImage.status": {"S": ["OPEN"]}}},
        {"dynamodb.NewImage.status.S": ["CLOSED"], **at(STATUS, "OPEN")},
        {
            "$or": [at(STATUS, "CLOSED"), {"eventName": ["REMOVE"]}],
            **at(STATUS, "OPEN"),
            "eventName": ["INSERT"],
        },
        {"$or": [{"$or": [at(STATUS, "CLOSED"), at(STATUS, "PAID")]}, {"eventName": ["INSERT"]}]},
        {"$or": [{"dynamodb.Keys.numeric.S": ["x"]}, {"eventName": ["INSERT"]}]},
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
        at(("dynamodb", "ApproximateCreationDateTime"), {"anything-but": 1767225600.0}),
        at(("dynamodb", "ApproximateCreationDateTime"), 1767225600.5),
        at(new("gift", "NULL"), 1),
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
        {"eventName": ["REMOVE"], "$or": [{"dynamodb": {"SizeBytes": [0]}}, at(STATUS, "OPEN")]},
        {"$or": [{"eventName": ["INSERT"]}, at(STATUS, "OPEN")], "eventName": ["REMOVE"]},
        {"dynamodb": {"NewImage": {"status": {"S": ["OPEN"]}}}, "dynamodb.NewImage.status.S": ["CLOSED"]},
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


def test_absence_is_decided_in_one_element() -> None:
    """The names come in their order: `name` chooses an element, in which `size` may be absent."""
    without_size = {"pk": "a", "tags": [{"name": "red", "size": "L"}, {"name": "blue"}]}

    assert matches_pattern(
        at_tags({"name": {"S": ["blue"]}, "size": {"S": [{"exists": False}]}}), insert(without_size)
    )
    assert not matches_pattern(
        at_tags({"name": {"S": ["red"]}, "size": {"S": [{"exists": False}]}}), insert(without_size)
    )


def test_an_empty_array_has_no_elements() -> None:
    record = insert({"pk": "a", "tags": []})

    assert matches_pattern(at_tags({"name": {"S": [{"exists": False}]}}), record)
    assert not matches_pattern(at_tags({"name": {"S": ["red"]}}), record)
    assert matches_pattern(at(new("tags", "L"), {"exists": False}), record)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("no json", "must be a JSON object"),
        ("[]", "must be a JSON object"),
        ('{"eventName": [NaN]}', "must be a JSON object"),
        ({"eventName": [float("inf")]}, "must be a JSON object"),
        ({"eventName": [b"INSERT"]}, "must be a JSON object"),
        ({}, "used: an object needs at least one name"),
        ({"dynamodb": {}}, "at dynamodb: an object needs at least one name"),
        ({"eventName": []}, "at eventName: a value must be a list"),
        ({"eventName": "INSERT"}, "at eventName: a value must be a list"),
        ({"eventName": [["INSERT"]]}, "a list within a list"),
        ({"eventName": [{"prefix": "I", "suffix": "T"}]}, "an object with one name"),
        ({"eventName": [{}]}, "an object with one name"),
        ({"eventName": [{"wildcard": "I*"}]}, "documentation does not list the operator 'wildcard'"),
        ({"eventName": [{"cidr": "10.0.0.0/8"}]}, "documentation does not list the operator 'cidr'"),
        ({"eventName": [{"x" * 2000: 1}]}, f"the operator '{'x' * 40}': it lists"),
        ({"eventName": [{"anything-but": {"prefix": "I"}}]}, "does not list operators within anything-but"),
        ({"eventName": [{"prefix": {"equals-ignore-case": "i"}}]}, "does not list operators within prefix"),
        ({"eventName": [{"prefix": 1}]}, "prefix takes a text"),
        ({"eventName": [{"suffix": None}]}, "suffix takes a text"),
        ({"eventName": [{"equals-ignore-case": ["a"]}]}, "equals-ignore-case takes a text"),
        ({"eventName": [{"exists": "yes"}]}, "exists takes true or false"),
        ({"eventName": [{"anything-but": []}]}, "anything-but takes a text"),
        ({"eventName": [{"anything-but": ["a", 1]}]}, "a list of texts or a list of numbers"),
        ({"eventName": [{"anything-but": None}]}, "anything-but takes a text"),
        ('{"eventName": [{"anything-but": 1e999}]}', "anything-but takes a text"),
        ({"eventName": [{"numeric": 5}]}, "numeric takes one comparison"),
        ({"eventName": [{"numeric": [">"]}]}, "numeric takes one comparison"),
        ({"eventName": [{"numeric": ["!=", 5]}]}, "numeric takes one comparison"),
        ({"eventName": [{"numeric": [">", "5"]}]}, "all with numbers"),
        ({"eventName": [{"numeric": [">", True]}]}, "numeric takes one comparison"),
        ({"eventName": [{"numeric": [">", 0, "<", 5, "=", 3]}]}, "numeric takes one comparison"),
        ({"eventName": [{"numeric": [5, ">"]}]}, "numeric takes one comparison"),
        ({"eventName": [{"numeric": [">", 0, "<", "5"]}]}, "numeric takes one comparison"),
        ({"eventName": [{"numeric": [">", "0", "<", 5]}]}, "numeric takes one comparison"),
        ({"eventName": [{"numeric": ["<", 5, ">", 0]}]}, "a lower bound and a higher one"),
        ({"eventName": [{"numeric": [">", 0, ">", 5]}]}, "numeric takes one comparison"),
        ({"eventName": [{"numeric": ["=", 0, "<", 5]}]}, "numeric takes one comparison"),
        ({"eventName": [{"numeric": [">", 5, "<", 0]}]}, "numeric takes one comparison"),
        ({"eventName": [{"numeric": [">=", 5, "<=", 5]}]}, "numeric takes one comparison"),
        ({"$or": [{"eventName": ["INSERT"]}]}, "at least two objects"),
        ({"$or": {"eventName": ["INSERT"]}}, "at least two objects"),
        ({"$or": 2}, "at least two objects"),
        ({"$or": [{"eventName": ["INSERT"]}, "x"]}, "at least two objects"),
        ({"$or": [{"eventName": ["INSERT"]}, {}]}, "an object needs at least one name"),
        ({"$or": [{"eventName": ["INSERT"]}, at(("Keys", "prefix"), "a")]}, r'as in "Keys\.prefix\.S"'),
        ({"eventName": ["x" * 4096]}, "it has 4114 characters, and at most 4096 are allowed"),
    ],
    ids=str,
)
def test_an_invalid_pattern_is_refused(pattern: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        matches_pattern(pattern, RECORD)


def test_the_error_names_the_path() -> None:
    with pytest.raises(ConfigurationError, match=r"used at dynamodb\.NewImage\.\$or: it needs"):
        matches_pattern({"dynamodb": {"NewImage": {"$or": []}}}, RECORD)


def nested(depth: int) -> Any:
    innermost: Any = ["INSERT"]
    return reduce(lambda inner, _: {"a": inner}, range(depth), innermost)


@pytest.mark.parametrize(
    "pattern", [nested(1_000), nested(100_000), '{"a":' * 100_000, "[" * 4_000], ids=["1", "2", "3", "4"]
)
@pytest.mark.usefixtures("no_collection")
def test_a_deep_pattern_is_refused(pattern: Any) -> None:
    with pytest.raises(ConfigurationError, match="filter pattern"):
        matches_pattern(pattern, RECORD)


@pytest.mark.usefixtures("no_collection")
def test_a_pattern_that_contains_itself() -> None:
    pattern: dict[str, Any] = {}
    pattern["a"] = pattern

    with pytest.raises(ConfigurationError, match="must be a JSON object"):
        matches_pattern(pattern, RECORD)


def test_choices_of_or_multiply() -> None:
    choices = [{"eventName": ["REMOVE"]}, {"eventName": ["MODIFY"]}]
    thousand = {f"a{place}": {"$or": [at(("S",), "b"), at(("N",), "1")]} for place in range(9)}

    assert not matches_pattern(thousand, RECORD)
    with pytest.raises(ConfigurationError, match="more than 1000 combinations, too many here"):
        matches_pattern({**thousand, "$or": choices}, RECORD)


def test_a_pattern_is_counted_compactly() -> None:
    assert not matches_pattern({"eventName": ["x" * 2038, "y" * 2037]}, RECORD)


def test_a_pattern_has_4096_characters() -> None:
    text = json.dumps({"eventName": ["x" * 4078]}, separators=(",", ":"))

    assert len(text) == 4096
    assert not matches_pattern(text, RECORD)


# https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html and what it says of each pattern
DOCUMENTED: Final = {
    "eventID": "1",
    "eventVersion": "1.0",
    "dynamodb": {
        "ApproximateCreationDateTime": "1678831218.0",
        "Keys": {"CustomerName": {"S": "AnyCompany Industries"}},
        "NewImage": {
            "AccountManager": {"S": "Pat Candella"},
            "PaymentTerms": {"S": "60 days"},
            "CustomerName": {"S": "AnyCompany Industries"},
        },
        "SequenceNumber": "111",
        "SizeBytes": 26,
        "StreamViewType": "NEW_IMAGE",
    },
}
MANAGERS: Final = new("AccountManager", "S")
TERMS: Final = new("PaymentTerms", "S")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (at(("dynamodb", "Keys", "CustomerName", "S"), "AnyCompany Industries"), True),
        (at(("dynamodb", "Keys", "CustomerName", "S"), "AnyOrganization"), False),
        (at(MANAGERS, "Pat Candella", "Shirley Rodriguez"), True),
        (at(MANAGERS, "Shirley Rodriguez"), False),
        (
            {
                "dynamodb": {
                    "NewImage": {**leaf("AccountManager", "Pat Candella"), **leaf("PaymentTerms", "60 days")}
                }
            },
            True,
        ),
        (
            {
                "dynamodb": {
                    "NewImage": {**leaf("AccountManager", "Pat Candella"), **leaf("PaymentTerms", "30 days")}
                }
            },
            False,
        ),
        (at(new("CustomerName", "S"), {"exists": True}), True),
        (at(new("CustomerName"), {"exists": True}), False),
        (at(TERMS, {"anything-but": ["30 days"]}), True),
        (at(TERMS, {"prefix": "60"}), True),
        (at(TERMS, {"suffix": "days"}), True),
        (at(TERMS, {"equals-ignore-case": "60 DAYS"}), True),
        (at(("dynamodb", "SizeBytes"), {"numeric": ["=", 26]}), True),
        (at(("dynamodb", "SizeBytes"), {"numeric": [">", 10, "<=", 20]}), False),
        (at(new("Discount", "S"), {"exists": False}), True),
        ({"$or": [at(TERMS, "30 days"), at(MANAGERS, "Pat Candella")]}, True),
    ],
    ids=map(str, range(16)),
)
def test_documented_examples(pattern: dict[str, Any], *, expected: bool) -> None:
    assert matches_pattern(pattern, DOCUMENTED) is expected


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
