"""Every misconfiguration that `check` knows, planted in a stub of AWS, and right set-ups."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel

from ddbevents import (
    Attr,
    ConfigurationError,
    Insert,
    KeyChange,
    Latest,
    Modify,
    Prefix,
    Remove,
    StreamApp,
    Transaction,
)
from ddbevents.dead_letters import DeadLetters
from ddbevents.deploy import DeployError, check, filter_criteria
from ddbevents.stores import DynamoDBStore
from ddbevents.testing import MemorySink, inserted
from tests.aws_stub import FUNCTION, STREAM, StubbedAWS, right_mapping, table


class Switch(BaseModel):
    level: Literal[1, 2] | None = None
    on: bool = False


class Order(BaseModel):
    kind: Literal["order"]
    pk: Annotated[str, Prefix("ORDER#")]
    status: str
    amount: Decimal = Decimal(0)


@pytest.fixture(autouse=True)
def _variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variable that apps read their table's name from, as on the machine where `check` runs."""
    monkeypatch.setenv("IDEMPOTENCY_TABLE", "handled-events")


@pytest.fixture
def aws() -> StubbedAWS:
    return StubbedAWS()


def open_paid(change: Modify[Order]) -> None: ...


def count(change: Insert[Order], tx: Transaction) -> None:
    tx.put("totals", {"pk": "orders"})


def copy_item(change: Insert[Order], tx: Transaction) -> None:
    tx.put("Orders", {"pk": "copy"})


COPIES = "Orders"


def copy_by_name(change: Insert[Order], tx: Transaction) -> None:
    tables = [COPIES for _ in range(1)]
    tx.put(tables[0], {"pk": "copy"})


class Copies:
    table = "Orders"

    def copy(self, change: Insert[Order], tx: Transaction) -> None:
        tx.put(self.table, {"pk": change.new.pk})


def orders_app(**parts: Any) -> StreamApp:
    given: dict[str, Any] = {"store": DynamoDBStore("handled-events"), **parts}
    app = StreamApp("orders", **given)
    app.on_modify(Order, changed="status", where=Attr("status").is_in(["PAID", "SHIPPED"]))(open_paid)
    return app


def app_with(handler: Callable[[Insert[Order], Transaction], None]) -> StreamApp:
    app = orders_app()
    app.on_insert(Order)(handler)
    return app


def findings(app: StreamApp, aws: StubbedAWS) -> list[tuple[str, str]]:
    return [(finding.severity, finding.code) for finding in check(app, "orders", session=aws)]


def criteria(*patterns: Any) -> dict[str, Any]:
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}


def modify_of(**images: Any) -> dict[str, Any]:
    return {"eventName": ["MODIFY"], "dynamodb": images}


SOUND = [
    modify_of(NewImage={"kind": {"S": ["order"]}, "status": {"S": ["PAID", "SHIPPED"]}}),
    {"eventName": ["MODIFY", "REMOVE"]},
    {"dynamodb": {"NewImage": {"pk": {"S": [{"prefix": "ORDER#"}]}}}},
    {"$or": [{"eventName": ["INSERT"]}, {"dynamodb": {"Keys": {"pk": {"S": [{"exists": True}]}}}}]},
    {"dynamodb.NewImage.status.S": ["PAID", {"prefix": "SHIPPED"}]},
]


@pytest.mark.parametrize("number", range(len(SOUND)))
def test_a_right_set_up_has_no_findings(aws: StubbedAWS, number: int) -> None:
    aws.mappings = [right_mapping(FilterCriteria=criteria(SOUND[number]))]

    assert findings(orders_app(), aws) == []


def test_no_filter_drops_nothing(aws: StubbedAWS) -> None:
    assert findings(app_with(count), aws) == []


def test_an_app_may_have_no_table(aws: StubbedAWS) -> None:
    aws.tables.pop("handled-events")

    assert findings(orders_app(store=None), aws) == []


MAPPINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "no-partial-answers": ("error", {"FunctionResponseTypes": []}),
    "mapping-disabled": ("error", {"State": "Disabled"}),
    "filter-error": (
        "error",
        {"FilterCriteriaError": {"ErrorCode": "KMSDisabledException", "Message": "the key is disabled"}},
    ),
    "last-result": ("error", {"LastProcessingResult": "PROBLEM: Function call failed"}),
    "tumbling-window": ("error", {"TumblingWindowInSeconds": 60}),
    "no-bisect": ("warning", {"BisectBatchOnFunctionError": False}),
    "no-metrics": ("warning", {"MetricsConfig": {"Metrics": []}}),
    "endless-retries": (
        "warning",
        {"MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": -1, "DestinationConfig": {}},
    ),
    "filter-unread": ("warning", {"FilterCriteria": criteria({"eventName": [{"wildcard": "*"}]})}),
    "no-mapping": ("error", {"EventSourceArn": "arn:aws:kafka:eu-central-1:123456789012:cluster/a/b"}),
}


@pytest.mark.parametrize("code", MAPPINGS)
def test_a_wrong_mapping_is_found(aws: StubbedAWS, code: str) -> None:
    severity, changes = MAPPINGS[code]
    aws.mappings = [right_mapping(**changes)]

    assert findings(orders_app(), aws) == [(severity, code)]


TABLES: dict[str, dict[str, Any]] = {
    "table-key": table("handled-events", "pk"),
    "table-global": table("handled-events", "id", MultiRegionConsistency="STRONG"),
}


@pytest.mark.parametrize("code", TABLES)
def test_a_wrong_table_is_found(aws: StubbedAWS, code: str) -> None:
    aws.tables["handled-events"] = TABLES[code]

    assert findings(orders_app(), aws) == [("error", code)]


def test_a_missing_table_is_found(aws: StubbedAWS) -> None:
    aws.tables.pop("handled-events")

    assert findings(orders_app(), aws) == [("error", "table-missing")]


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"TimeToLiveStatus": "DISABLED"},
        {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"},
    ],
    ids=["never set", "off", "on another attribute"],
)
def test_missing_time_to_live_is_found(aws: StubbedAWS, setting: dict[str, Any]) -> None:
    aws.time_to_live = setting

    assert findings(orders_app(), aws) == [("error", "table-ttl")]


def test_a_name_that_never_arrives_is_found(aws: StubbedAWS) -> None:
    aws.function["Environment"] = {"Variables": {}}

    assert findings(orders_app(), aws) == [("error", "table-not-in-environment")]


def test_the_function_has_its_own_name(aws: StubbedAWS) -> None:
    aws.function["Environment"] = {"Variables": {"IDEMPOTENCY_TABLE": "in-production"}}
    aws.tables["in-production"] = aws.tables.pop("handled-events")

    assert findings(orders_app(), aws) == []


def test_a_name_in_the_code_counts(aws: StubbedAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IDEMPOTENCY_TABLE")
    aws.function.pop("Environment")

    assert findings(orders_app(), aws) == []


@pytest.mark.parametrize(
    "action",
    ["dynamodb:GetShardIterator", "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:PutItem"],
)
def test_a_missing_permission_is_found(aws: StubbedAWS, action: str) -> None:
    aws.denied = {action}

    [finding] = check(app_with(count), "orders", session=aws)

    assert finding.code == "role-denied"
    assert f"may not {action} on arn:aws:dynamodb:" in finding.message


def test_puts_are_for_transactions(aws: StubbedAWS) -> None:
    aws.denied = {"dynamodb:PutItem"}

    assert findings(orders_app(), aws) == []


def test_a_role_that_cannot_be_read_is_said(aws: StubbedAWS) -> None:
    aws.refused = "SimulatePrincipalPolicy"

    assert findings(orders_app(), aws) == [("warning", "role-unread")]


def test_a_short_time_out_is_found(aws: StubbedAWS) -> None:
    aws.function["Timeout"] = 3

    assert findings(orders_app(time_reserve=timedelta(seconds=10)), aws) == [("error", "timeout")]


def test_tenant_isolation_is_found(aws: StubbedAWS) -> None:
    aws.function["TenancyConfig"] = {"TenantIsolationMode": "PER_TENANT"}

    assert findings(orders_app(), aws) == [("error", "tenant-isolation")]


def test_too_many_lanes_are_found(aws: StubbedAWS) -> None:
    assert findings(orders_app(concurrency=51), aws) == [("warning", "pool")]


@pytest.mark.parametrize(("hours", "found"), [(11, []), (12, [("error", "min-age")])])
def test_an_age_below_min_age_is_found(aws: StubbedAWS, hours: int, found: list[tuple[str, str]]) -> None:
    letters = DeadLetters(MemorySink(), min_age=timedelta(hours=hours))

    assert findings(orders_app(dead_letter=letters), aws) == found


def test_endless_retries_need_dead_letters(aws: StubbedAWS) -> None:
    aws.mappings = [right_mapping(**MAPPINGS["endless-retries"][1])]

    assert findings(orders_app(dead_letter=DeadLetters(MemorySink())), aws) == []


def count_of_table(change: Insert[Order], tx: Transaction) -> None:
    tx.put("totals", {"pk": "Orders"})


def test_a_name_that_is_no_table_is_no_loop(aws: StubbedAWS) -> None:
    assert findings(app_with(count_of_table), aws) == []


COPYING = [copy_item, copy_by_name]


@pytest.mark.parametrize("handler", [*COPYING, Copies().copy, count, count_of_table])
def test_the_handlers_write(handler: Any) -> None:
    """The tests below look at their code alone."""
    transaction = Transaction()

    handler(inserted(Order(kind="order", pk="ORDER#1", status="OPEN"), keys="pk"), transaction)

    assert len(transaction.writes) == 1


@pytest.mark.parametrize("handler", COPYING)
def test_a_loop_is_found(aws: StubbedAWS, handler: Any) -> None:
    assert findings(app_with(handler), aws) == [("warning", "loop")]


def test_a_name_in_an_attribute_is_not_found(aws: StubbedAWS) -> None:
    assert findings(app_with(Copies().copy), aws) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"StreamSpecification": {"StreamEnabled": False}}, "stream-disabled"),
        ({"LatestStreamArn": f"{STREAM}1"}, "old-stream"),
    ],
)
def test_a_stream_without_records_is_found(aws: StubbedAWS, change: dict[str, Any], code: str) -> None:
    aws.tables["Orders"].update(change)

    assert findings(orders_app(), aws) == [("error", code)]


def test_a_deleted_table_is_found(aws: StubbedAWS) -> None:
    aws.tables.pop("Orders")

    assert findings(orders_app(), aws) == [("error", "stream-disabled")]


@pytest.mark.parametrize("view_type", ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE"])
def test_a_poor_view_type_is_found(aws: StubbedAWS, view_type: str) -> None:
    aws.tables["Orders"]["StreamSpecification"]["StreamViewType"] = view_type

    assert findings(orders_app(), aws) == [("error", "view-type")]


def test_a_filter_hides_no_missing_image(aws: StubbedAWS) -> None:
    aws.tables["Orders"]["StreamSpecification"]["StreamViewType"] = "KEYS_ONLY"
    aws.mappings = [right_mapping(FilterCriteria=criteria(SOUND[0]))]

    assert findings(orders_app(), aws) == [("error", "view-type"), ("error", "filter-drops")]


def test_routes_of_other_tables_need_nothing(aws: StubbedAWS) -> None:
    aws.tables["Orders"]["StreamSpecification"]["StreamViewType"] = "KEYS_ONLY"
    app = StreamApp("orders")
    app.on_keys(dict)(lambda change: None)

    assert findings(app, aws) == []


def test_a_third_reader_is_found(aws: StubbedAWS) -> None:
    others = [right_mapping(UUID=f"{number:036}", FunctionArn=f"{FUNCTION}-{number}") for number in range(2)]
    aws.mappings += others
    aws.page_size = 1

    assert findings(orders_app(), aws) == [("warning", "readers")]


@pytest.mark.parametrize("service", ["kinesis", "sqs"])
def test_other_sources_are_checked(aws: StubbedAWS, service: str) -> None:
    arn = f"arn:aws:{service}:eu-central-1:123456789012:stream/orders"
    aws.mappings = [right_mapping(EventSourceArn=arn, FunctionResponseTypes=[])]

    assert findings(orders_app(), aws) == [("error", "no-partial-answers")]


NARROW = [
    {"eventName": ["INSERT"]},
    modify_of(NewImage={"status": {"S": ["PAID"]}}),
    modify_of(NewImage={"status": {"S": ["SHIPPED"]}}),
    modify_of(NewImage={"status": ["PAID", "SHIPPED"]}),
    modify_of(OldImage={"status": {"S": [{"anything-but": "OPEN"}]}}),
    modify_of(NewImage={"amount": {"N": [{"numeric": [">", 0]}]}}),
    modify_of(OldImage={"note": {"S": [{"exists": True}]}}),
    {"userIdentity": {"type": ["Service"]}},
    {"dynamodb": {"StreamViewType": ["NEW_IMAGE"]}},
    {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "order#"}]}}}},
    {"dynamodb": {"NewImage": {"address": {"M": {"city": {"S": [{"exists": True}]}}}}}},
]


@pytest.mark.parametrize("number", range(len(NARROW)))
def test_a_narrow_filter_is_found(aws: StubbedAWS, number: int) -> None:
    aws.mappings = [right_mapping(FilterCriteria=criteria(NARROW[number]))]

    assert findings(orders_app(), aws) == [("error", "filter-drops")]


def on_removal(app: StreamApp) -> None:
    app.on_remove(Order, expired=True)(a_removal)


def on_keys(app: StreamApp) -> None:
    app.on_keys(dict, where=Attr("pk").begins_with("ORDER#"))(a_key)


def on_nothing_else(app: StreamApp) -> None:
    where = ~(Attr("amount").between(5, 10) | Attr("lines[1].sku").exists() | Attr("tags").contains("gift"))
    app.on_insert(Order, where=where & Attr("note").not_exists())(an_order)


def on_latest(app: StreamApp) -> None:
    app.on_latest(Order, where=Attr("address.city").eq("Bonn"))(a_state)


def on_switch(app: StreamApp) -> None:
    where = Attr("on").eq(value=True) & (Attr("tags").contains(5) | Attr("tags").contains(None))
    app.on_insert(Switch, where=where)(a_switch)


def a_switch(change: Insert[Switch]) -> None: ...


def a_removal(change: Remove[Order]) -> None: ...


def a_key(change: KeyChange[Any]) -> None: ...


def an_order(change: Insert[Order]) -> None: ...


def a_state(latest: Latest[Order]) -> None: ...


ROUTES: list[tuple[Callable[[StreamApp], None], Any, bool]] = [
    (on_removal, {"userIdentity": {"type": ["Service"]}}, True),
    (on_removal, {"userIdentity": [{"exists": False}], "eventName": ["REMOVE"]}, True),
    (on_removal, {"userIdentity": {"type": [{"exists": False}]}}, False),
    (on_removal, {"eventName": ["INSERT", "MODIFY"]}, False),
    (on_keys, {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "ORDER#"}]}}}}, True),
    (on_keys, {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "ORDER#1"}]}}}}, False),
    (on_nothing_else, {"dynamodb": {"NewImage": {"note": {"S": [{"exists": False}]}}}}, True),
    (on_nothing_else, {"dynamodb": {"NewImage": {"tags": {"SS": [{"exists": False}]}}}}, False),
    (on_nothing_else, {"dynamodb": {"NewImage": {"amount": {"N": [{"exists": False}]}}}}, False),
    (on_latest, {"dynamodb": {"NewImage": {"address": {"M": {"city": {"S": ["Bonn"]}}}}}}, False),
    (on_switch, {"dynamodb": {"NewImage": {"on": {"BOOL": [True]}}}}, True),
    (on_switch, {"dynamodb": {"NewImage": {"level": {"N": ["1", "2"]}}}}, False),
    (on_latest, {"eventName": ["MODIFY", "INSERT", "REMOVE"]}, True),
]


@pytest.mark.parametrize("number", range(len(ROUTES)))
def test_filters_are_tried_on_records(aws: StubbedAWS, number: int) -> None:
    register, pattern, is_sound = ROUTES[number]
    app = StreamApp("orders")
    register(app)
    aws.mappings = [right_mapping(FilterCriteria=criteria(pattern))]

    assert (findings(app, aws) == []) is is_sound


def test_errors_come_first(aws: StubbedAWS) -> None:
    aws.mappings = [right_mapping(State="Disabled", BisectBatchOnFunctionError=False)]
    aws.time_to_live = {}

    assert findings(orders_app(), aws) == [
        ("error", "mapping-disabled"),
        ("error", "table-ttl"),
        ("warning", "no-bisect"),
    ]


def test_a_missing_function_is_an_error(aws: StubbedAWS) -> None:
    with pytest.raises(DeployError, match=r"no function missing: check its name"):
        check(orders_app(), "missing", session=aws)


def test_a_refusal_names_the_action(aws: StubbedAWS) -> None:
    aws.refused = "DescribeTable"

    with pytest.raises(DeployError, match=r"refused dynamodb:DescribeTable \(AccessDeniedException\)"):
        check(orders_app(), "orders", session=aws)


def test_silence_is_an_error(aws: StubbedAWS) -> None:
    aws.is_reachable = False

    with pytest.raises(DeployError, match=r"GetFunctionConfiguration got no answer"):
        check(orders_app(), "orders", session=aws)


def test_an_app_without_handlers_is_refused(aws: StubbedAWS) -> None:
    with pytest.raises(ConfigurationError, match="no handlers"):
        check(StreamApp("orders"), "orders", session=aws)


@pytest.mark.parametrize("view_type", ["NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY"])
@pytest.mark.parametrize("register", [on_removal, on_keys, on_nothing_else, on_latest, on_switch])
def test_the_filter_of_the_app_is_right(
    aws: StubbedAWS, register: Callable[[StreamApp], None], view_type: Any
) -> None:
    app = StreamApp("orders")
    register(app)
    aws.tables["Orders"]["StreamSpecification"]["StreamViewType"] = view_type
    aws.mappings = [right_mapping(FilterCriteria=filter_criteria(app, view_type=view_type))]

    assert ("error", "filter-drops") not in findings(app, aws)
