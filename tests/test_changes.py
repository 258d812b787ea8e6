"""The change that a handler gets: its value, its decoded items, and models prepared in advance."""

from __future__ import annotations

import subprocess
import sys
from typing import ClassVar, Literal

import pytest
from pydantic import BaseModel, field_validator

from ddbevents import (
    Change,
    Insert,
    InvalidItemError,
    InvalidRecordError,
    KeyChange,
    Modify,
    Remove,
    StreamApp,
    Upsert,
    parse_event,
)
from tests.stream import CANARY, Json, batch, insert, modify, remove, user


class User(BaseModel):
    email: str


[RECORD] = parse_event(batch(insert(1, user("a"))))
ADA, GRACE = User(email="ada@example.com"), User(email="grace@example.com")


def test_changes_are_equal_by_value() -> None:
    assert Insert(ADA, RECORD) == Insert(ADA, RECORD)
    assert Insert(ADA, RECORD) != Insert(GRACE, RECORD)
    assert Insert(ADA, RECORD) != Remove(ADA, RECORD)
    assert Modify(ADA, GRACE, RECORD) == Modify(new=GRACE, old=ADA, record=RECORD)
    assert KeyChange({"pk": "a"}, RECORD) != {"pk": "a"}


def test_the_repr_names_the_record() -> None:
    shown = repr(Modify(ADA, GRACE, RECORD))

    assert shown.startswith("Modify(old=User(email='ada@example.com'), new=User(")
    assert shown.endswith(f"record=<StreamRecord INSERT {RECORD.sequence_number} of Users>)")


def test_changes_are_unhashable() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Insert(ADA, RECORD))


def note(change: object) -> None: ...


class Counted(BaseModel):
    """A model that counts how often it is read."""

    pk: str
    email: str
    reads: ClassVar[list[str]] = []

    @field_validator("pk")
    @classmethod
    def count(cls, pk: str) -> str:
        cls.reads.append(pk)
        return pk


class Other(BaseModel):
    pk: str


@pytest.fixture
def app() -> StreamApp:
    Counted.reads.clear()
    return StreamApp()


def test_handlers_share_a_decoded_item(app: StreamApp) -> None:
    seen: list[Counted] = []

    @app.on_insert(Counted)
    def first(change: Insert[Counted]) -> None:
        seen.append(change.new)

    @app.on_upsert(Counted)
    async def second(change: Upsert[Counted]) -> None:
        seen.append(change.new)

    app(batch(insert(1, user("a")), insert(2, user("b"))))

    assert [item.pk for item in seen] == ["a", "a", "b", "b"]
    assert (seen[0] is seen[1], seen[2] is seen[3]) == (True, True)
    assert Counted.reads == ["a", "b"]


def test_each_image_is_decoded_once(app: StreamApp) -> None:
    @app.on_modify(Counted)
    def first(change: Modify[Counted]) -> None: ...

    @app.on_change(Counted)
    def second(change: Change[Counted]) -> None: ...

    app.on_keys(Other)(lambda change: None)
    app(batch(modify(1, user("a"), user("a", "new@example.com"))))

    assert Counted.reads == ["a", "a"]


def test_each_model_has_its_own_item(app: StreamApp) -> None:
    seen: list[object] = []

    @app.on_insert(Counted)
    def first(change: Insert[Counted]) -> None:
        seen.append(change.new)

    @app.on_insert(Other)
    def second(change: Insert[Other]) -> None:
        seen.append(change.new)

    app(batch(insert(1, user("a"))))

    assert [type(item) for item in seen] == [Counted, Other]


def test_decoding_fails_at_its_handler(
    app: StreamApp,
) -> None:
    ran: list[str] = []

    @app.on_insert(Other)
    def first(change: Insert[Other]) -> None:
        ran.append(change.new.pk)

    app.on_insert(Counted)(lambda change: None)
    report = app.process(batch(insert(1, {"pk": {"S": "a"}})))

    assert [outcome.value for _, outcome in report.records[0].handlers] == ["handled", "failed"]
    assert ran == ["a"]


def test_models_can_be_prepared_early(app: StreamApp) -> None:
    app.on_modify(Counted, old=Other)(lambda change: None)
    app.on_keys(dict)(note)

    app.prepare()

    assert app(batch(modify(1, user("a"), user("a", "b")))) == {"batchItemFailures": []}


PREPARED = """
import sys
from pydantic import BaseModel
from ddbevents import Insert, StreamApp

class User(BaseModel):
    pk: str

def note(change: Insert[User]) -> None: ...

def ours():
    return {name for name in sys.modules if name.startswith("ddbevents.")}

app = StreamApp()
app.on_insert(User)(note)
registered = ours()
app.prepare()
prepared = ours()
app({"Records": RECORDS})
print(registered < prepared, prepared == ours())
"""


def test_prepare_compiles_the_models() -> None:
    records = f"RECORDS = {[insert(1, user('a'))]}"

    done = subprocess.run(
        [sys.executable, "-c", f"{records}\n{PREPARED}"], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["True", "True"]


def test_prepare_may_freeze_what_is_loaded() -> None:
    code = """
import gc, ddbevents
counts = [gc.get_freeze_count()]
for choice in (False, True):
    ddbevents.StreamApp().prepare(freeze_gc=choice)
    counts.append(gc.get_freeze_count())
print(*counts)
"""

    before, without, frozen = map(int, subprocess.check_output([sys.executable, "-c", code]).split())

    assert without == before
    assert frozen > before + 1000  # objects of modules alone


def test_a_spoilt_record_cannot_be_read(app: StreamApp) -> None:
    kept: list[Insert[Counted]] = []
    app.on_insert(Counted)(kept.append)
    event = batch(insert(1, user("a")))
    app(event)

    del event["Records"][0]["dynamodb"]["Keys"]

    with pytest.raises(InvalidRecordError, match=r"dynamodb\.Keys: expected the attributes"):
        kept[0].record  # noqa: B018  # it is read when it is asked for


# the old image of another form


class Order(BaseModel):
    kind: Literal["order"]
    total: int = 0


class Strange(BaseModel):
    kind: str

    @field_validator("kind")
    @classmethod
    def refuse(cls, kind: str) -> str:
        if kind == "new":
            raise KeyError(kind)
        raise ValueError(kind)


ORDER = user("a", kind={"S": "order"})
CURE = (
    ". The new image fits Order: give the old one a model of its own, on_modify(Order, old=...); old=dict"
    " takes any, and on_upsert does not read it"
)


def reason_of(model: type[BaseModel], old: Json, new: Json = ORDER) -> str:
    app = StreamApp()
    app.on_change(model)(note)
    [report] = app.process(batch(modify(1, old, new))).records
    assert isinstance(report.error, InvalidItemError)
    assert report.error.path[:2] == ("dynamodb", "OldImage")
    assert report.error.args == (report.error.reason,)
    assert CANARY not in str(report.error)
    return report.error.reason


@pytest.mark.parametrize(
    ("old", "reason"),
    [
        (user("a", kind={"S": CANARY}), "Order refuses it (literal_error)"),
        (user("a"), "Order requires this attribute"),
        (
            user("a", kind={"S": "order"}, total={"S": CANARY}),
            "Order refuses it (int_parsing): expected N, found S",
        ),
    ],
    ids=["literal", "missing", "type"],
)
def test_an_old_form_names_its_cure(old: Json, reason: str) -> None:
    assert reason_of(Order, old) == f"{reason}{CURE}"


def test_the_cure_for_an_old_form_works() -> None:
    app = StreamApp()
    app.on_modify(Order, old=dict)(note)

    assert app.process(batch(modify(1, user("a", kind={"S": "draft"}), ORDER))).handled == 1


def test_a_malformed_old_image_has_another_cure() -> None:
    assert reason_of(Order, user("a", kind={"S": 1})) == "S holds text"


def test_two_bad_images_are_no_old_form() -> None:
    bad = user("a", kind={"S": "order"}, total={"S": "x"})

    assert reason_of(Order, bad, bad) == "Order refuses it (int_parsing): expected N, found S"


def test_validators_may_raise_on_the_new_image() -> None:
    old, new = user("a", kind={"S": "old"}), user("a", kind={"S": "new"})

    assert reason_of(Strange, old, new) == "Strange refuses it (value_error)"


def test_a_removed_item_has_no_old_form() -> None:
    app = StreamApp()
    app.on_remove(Order)(note)
    [report] = app.process(batch(remove(1, user("a", kind={"S": "order"}, total={"S": "x"})))).records

    assert str(report.error).endswith("Order refuses it (int_parsing): expected N, found S")


# a second type tag


TWO_TAGS = {"S": "a", "N": "1"}


@pytest.mark.parametrize("others", [0, 40], ids=["a narrow item", "a wide item"])
def test_a_second_tag_that_is_read_is_refused(others: int) -> None:
    app = StreamApp("test")
    seen: list[str] = []

    @app.on_insert(User)
    def note_email(change: Insert[User]) -> None:
        seen.append(change.new.email)

    unread = {f"other {number}": {"S": "x"} for number in range(others)}
    items = [
        {**unread, **user("a")},
        {**unread, **user("b", other=TWO_TAGS)},
        {**unread, **user("c"), "email": TWO_TAGS},
    ]
    app.prepare()
    report = app.process(batch(*(insert(number, item) for number, item in enumerate(items, 1))))

    assert seen == ["ada@example.com"] * 2
    assert "email: an attribute value has one type tag, not 2" in str(report.records[2].error)
