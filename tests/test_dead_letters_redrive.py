"""Dead letters that a queue delivers to the app that sent them."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from ddbevents import (
    BatchFailedError,
    ConfigurationError,
    DeadLetterError,
    Insert,
    InvalidEventError,
    InvalidRecordError,
    Outcome,
    Reject,
    StoreError,
    StreamApp,
    Transaction,
    UnreadableRecord,
    parse_event,
)
from ddbevents.dead_letters import DeadLetter, DeadLetters, letter_to_json
from ddbevents.stores import MemoryStore
from tests.letters import RECORD, Sent, compressed, letter, message
from tests.stream import PATIENCE, Context, Json, batch, insert, named, sequence_number, user


class User(BaseModel):
    pk: str
    email: str


class Down(MemoryStore):
    def handled(self, marks: object, *, patience: timedelta = PATIENCE) -> Any:  # noqa: ARG002  # its name is the Protocol's
        raise StoreError("down")


class Shop:
    """An app with two handlers, which work unless a test says otherwise, and a list of what they did."""

    def __init__(self, *, after: int = 5, **settings: Any) -> None:
        self.sink = Sent()
        self.store = settings.pop("store", MemoryStore())
        dead_letters = DeadLetters(self.sink, after=after) if self.store else None
        self.app = StreamApp("shop", store=self.store, dead_letter=dead_letters, **settings)
        self.done: list[str] = []
        self.trouble: dict[str, Exception] = {}
        self.app.on_insert(User)(self.welcome)
        self.app.on_insert(User)(self.count)

    def welcome(self, change: Insert[User]) -> None:
        self._do("welcome", change)

    def count(self, change: Insert[User]) -> None:
        self._do("count", change)

    def _do(self, handler: str, change: Insert[User]) -> None:
        trouble = self.trouble.get(handler) or self.trouble.get(change.new.pk)
        if trouble is not None:
            raise trouble
        self.done.append(f"{handler} {change.new.pk}")

    def letter(self, record: object = RECORD, handler: str | None = "welcome") -> DeadLetter:
        name = handler and f"{__name__}.Shop.{handler}"
        return letter(record, name, app="shop")


def failures(*identifiers: str) -> Json:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


def test_a_poison_record_is_redriven() -> None:
    shop = Shop()
    event = batch(insert(1, user("ada")), insert(2, user("bob")), insert(3, user("ada")))
    shop.trouble["welcome"] = ValueError("no such address")
    four = [shop.app.process(event).response for _ in range(4)]

    fifth = shop.app.process(event)
    shop.trouble.clear()
    sixth = shop.app.process(event)
    letters = [message(f"m-{number}", each) for number, each in enumerate(shop.sink.letters)]
    redriven = shop.app.process(batch(*letters))

    assert four == [named(1)] * 4
    assert (fifth.dead_lettered, fifth.failed, fifth.response) == (2, 1, named(3))
    assert (sixth.handled, sixth.already_handled, sixth.response) == (1, 2, named())
    assert (redriven.handled, redriven.response) == (2, failures())
    assert sorted(shop.done) == [
        f"{handler} {name}" for handler in ("count", "welcome") for name in ("ada", "ada", "bob")
    ]


def test_a_dead_lettered_record_is_done() -> None:
    shop = Shop(after=1)
    shop.trouble["welcome"] = ValueError()

    first = shop.app.process(batch(RECORD))
    shop.trouble.clear()
    second = shop.app.process(batch(RECORD))

    assert (first.dead_lettered, second.already_handled) == (1, 1)
    assert shop.done == ["count ada"]
    assert len(shop.sink.letters) == 1


def test_only_the_failed_handler_reruns() -> None:
    shop = Shop(after=1)
    shop.trouble["welcome"] = ValueError()
    shop.app(batch(RECORD))
    shop.trouble.clear()
    shop.done.clear()
    other_marks = shop.app.with_store(MemoryStore())  # as after 48 hours

    other_marks(batch(message("a", shop.sink.letters[0])))

    assert shop.done == ["welcome ada"]


def test_a_repeated_redrive_runs_once() -> None:
    shop = Shop()
    event = batch(message("a", shop.letter()))

    first, second = shop.app.process(event), shop.app.process(event)

    assert (first.handled, second.already_handled) == (1, 1)
    assert shop.done == ["welcome ada"]


def test_equal_letters_run_once() -> None:
    shop = Shop()

    report = shop.app.process(batch(message("a", shop.letter()), message("b", shop.letter())))

    assert [each.outcome for each in report.records] == [Outcome.HANDLED, Outcome.ALREADY_HANDLED]


def test_a_handled_record_is_not_redriven() -> None:
    """The letter was sent, but the function died before it wrote the mark."""
    shop = Shop()
    shop.app(batch(RECORD))
    shop.done.clear()

    report = shop.app.process(batch(message("a", shop.letter())))

    assert (report.already_handled, shop.done) == (1, [])


def test_a_committed_record_is_not_redriven() -> None:
    store, sink = MemoryStore(tables={"totals": ("pk",)}), Sent()
    app = StreamApp("bank", store=store, dead_letter=DeadLetters(sink, after=1))
    trouble: list[Exception] = []

    @app.on_insert(User)
    def book(change: Insert[User], tx: Transaction) -> None:
        tx.update("totals", key={"pk": change.new.pk}, add={"total": 1})
        if trouble:
            app(batch(RECORD))  # a slow copy of this delivery overtakes it
            raise trouble.pop()

    trouble.append(Reject())
    event = batch(RECORD)
    app.process(event)
    app(batch(message("a", sink.letters[0])))

    assert store.item("totals", {"pk": "ada"}) == {"pk": "ada", "total": 1}


def test_a_failed_letter_stays() -> None:
    shop = Shop(after=1)
    shop.trouble["welcome"] = Reject()
    event = batch(message("a", shop.letter()), message("b", shop.letter(insert(2, user("bob")))))

    report = shop.app.process(event)

    assert (report.response, report.failed, report.failure) == (failures("a", "b"), 2, None)
    assert shop.sink.letters == []


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("store", [MemoryStore(), None], ids=["store", "no store"])
def test_a_failure_holds_back_its_item(store: MemoryStore | None, concurrency: int) -> None:
    shop = Shop(store=store and MemoryStore(), concurrency=concurrency)
    shop.trouble["bob"] = ValueError()
    people = ["ada", "bob", "cyd", "bob", "dot"]
    event = batch(
        *[message(f"m-{n}", shop.letter(insert(n, user(name)))) for n, name in enumerate(people)],
        message("m-5", "no letter"),
        message("m-6", shop.letter(insert(6, user("eve")))),
    )

    report = shop.app.process(event)

    assert report.response == failures("m-1", "m-3", "m-5")
    assert (report.failed, report.not_run, report.delivery) == (2, 1, "queue")
    assert sorted(shop.done) == ["welcome ada", "welcome cyd", "welcome dot", "welcome eve"]


def test_unrun_letters_are_named() -> None:
    shop = Shop()
    event = batch(*[message(f"m-{n}", shop.letter(insert(n, user(f"u-{n}")))) for n in range(3)])

    assert shop.app(event, Context(milliseconds=10)) == failures("m-1", "m-2")


def test_nothing_runs_without_a_store() -> None:
    shop = Shop(store=Down())

    report = shop.app.process(batch(message("a", shop.letter()), message("b", shop.letter())))

    assert (report.response, shop.done) == (failures("a", "b"), [])


def test_a_full_store_stops_the_batch() -> None:
    class Full(MemoryStore):
        def commit(self, *_: object, **__: object) -> Any:
            raise StoreError("full")

    app = StreamApp("shop", store=Full())
    ran: list[str] = []

    @app.on_insert(User)
    def book(change: Insert[User], _: Transaction) -> None:
        ran.append(change.new.pk)

    letters = [letter(insert(n, user(f"u-{n}")), None, app="shop") for n in range(3)]

    answer = app(batch(*[message(f"m-{n}", each) for n, each in enumerate(letters)]))

    assert (answer, ran) == (failures("m-0", "m-1", "m-2"), ["u-0"])


def test_a_letter_may_be_for_all_handlers() -> None:
    shop = Shop()

    shop.app(batch(message("a", shop.letter(handler=None))))

    assert shop.done == ["welcome ada", "count ada"]


def test_a_mended_record_is_handled() -> None:
    shop = Shop()
    broken = {**RECORD, "eventName": "UPSERT"}
    shop.app(batch(broken))
    again = shop.app.process(batch(broken))
    [sent] = shop.sink.letters
    mended = json.loads(letter_to_json(sent)) | {"record": RECORD}

    still_broken = shop.app.process(batch(message("a", sent)))
    report = shop.app.process(batch(message("a", json.dumps(mended))))

    assert again.already_handled == 1
    assert still_broken.response == failures("a")
    assert (report.handled, shop.done) == (1, ["welcome ada", "count ada"])


def test_an_unmatched_letter_is_ignored() -> None:
    shop = Shop()
    removed = {**RECORD, "eventName": "REMOVE", "dynamodb": {**RECORD["dynamodb"], "OldImage": user("ada")}}

    report = shop.app.process(batch(message("a", shop.letter(removed))))

    assert (report.ignored, report.response) == (1, failures())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"handler": "shop.gone"},
            "the app has no handler 'shop.gone': if it was renamed, write its new name",
        ),
        ({"app": "bank"}, "the dead letter is of the app 'bank', not 'shop': send it to that app"),
        ({"app": "bank", "handler": None}, "the dead letter is of the app 'bank', not 'shop'"),
    ],
)
def test_a_letter_for_another_app_stays(change: dict[str, Any], reason: str) -> None:
    shop = Shop()

    report = shop.app.process(batch(message("a", shop.letter()._replace(**change))))

    assert report.response == failures("a")
    assert reason in str(report.records[0].error)
    assert sequence_number(1) in str(report.records[0].error)
    assert shop.done == []


def test_the_function_names_the_app() -> None:
    app = StreamApp(store=MemoryStore())

    report = app.process(batch(message("a", letter(handler=None))), Context(function_name="users"))

    assert report.ignored == 1


def test_a_compressed_letter_runs() -> None:
    shop = Shop()

    shop.app(batch(message("a", compressed(shop.letter()))))

    assert shop.done == ["welcome ada"]


def test_a_handler_sees_the_letter() -> None:
    app = StreamApp("users")
    seen: list[object] = []

    @app.on_insert(User)
    def note(change: Insert[User]) -> None:
        seen.append((change.record.letter, change.record.identifier))

    sent = letter(handler=None)

    app(batch(message("a", sent)))
    app(batch(RECORD))

    assert seen == [(sent, "a"), (None, sequence_number(1))]


def test_a_letter_is_read_like_a_record() -> None:
    [before] = parse_event(batch(RECORD))
    [after] = parse_event(batch(message("a", letter())))

    assert after == before._replace(identifier="a", letter=letter(), source="dead letter")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no letter", "record at index 1: body: not a dead letter of ddbevents, but"),
        (letter_to_json(letter({"eventSource": "aws:sqs", "messageId": "b"})), "this is a message of SQS"),
        (letter_to_json(letter({"eventSource": "aws:dynamodb", "dynamodb": {}})), "dynamodb.SequenceNumber"),
    ],
    ids=["no letter", "a letter in a letter", "unreadable"],
)
def test_an_unreadable_body_is_named(body: str, reason: str) -> None:
    shop = Shop()

    report = shop.app.process(batch(message("a", shop.letter()), message("b", body)))

    assert report.response == failures("b")
    assert reason in str(report.records[1].error)


@pytest.mark.parametrize("identifier", [None, "", 7, "\ud800", "a" * 129, "a b"])
def test_a_nameless_message_fails_all(identifier: object) -> None:
    shop = Shop()
    event = batch(message("a", shop.letter()), {**message("b", shop.letter()), "messageId": identifier})

    report = shop.app.process(event)

    assert report.response == failures("")
    with pytest.raises(BatchFailedError, match="messageId"):
        shop.app(event)


@pytest.mark.parametrize("other", [RECORD, None, "text"])
def test_a_queue_delivers_messages_only(other: object) -> None:
    shop = Shop()

    report = shop.app.process(batch(message("a", shop.letter()), other))

    assert (report.handled, report.failed) == (1, 1)
    assert isinstance(report.records[1].error, InvalidRecordError)


def test_a_stream_delivers_no_messages() -> None:
    shop = Shop()

    report = shop.app.process(batch(RECORD, message("a", shop.letter())))

    assert (report.handled, report.delivery) == (1, "stream")
    assert "eventSource: this is a message of SQS" in str(report.records[1].error)


TEXT = st.sampled_from(["aws:sqs", "aws:dynamodb", "a", letter_to_json(letter()), "{}", "\ud800"]) | st.text(
    max_size=5
)
ANY = st.recursive(
    st.none() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)
)
MESSAGE = st.fixed_dictionaries(
    {}, optional={"messageId": TEXT | ANY, "eventSource": TEXT, "body": TEXT | ANY, "dynamodb": ANY}
)


@given(st.lists(MESSAGE | ANY | st.just(RECORD), max_size=4))
def test_any_messages_get_an_answer(records: list[object]) -> None:
    app = StreamApp("users", store=MemoryStore())

    with suppress(BatchFailedError, InvalidEventError):
        json.dumps(app(batch(*records))).encode("ascii")


def failing() -> None:
    raise DeadLetterError("the queue is not there")


def test_a_failing_sink_keeps_the_record() -> None:
    shop = Shop(after=1)
    shop.trouble["welcome"] = ValueError()
    shop.sink.fail = failing

    first = shop.app.process(batch(RECORD))
    shop.sink.fail = None
    second = shop.app.process(batch(RECORD))

    assert (first.response, second.response) == (named(1), named())
    assert len(shop.sink.letters) == 1


def previewed(shop: Shop, event: Json) -> list[Outcome]:
    return [each.outcome for each in shop.app.preview(event).records]


def test_a_preview_runs_nothing() -> None:
    shop = Shop()
    shop.app(batch(insert(1, user("ada"))))
    shop.done.clear()
    people = [shop.letter(insert(n, user(name))) for n, name in [(1, "ada"), (2, "bob")]]
    nobody = shop.letter(
        {**RECORD, "eventName": "REMOVE", "dynamodb": {**RECORD["dynamodb"], "OldImage": {}}}
    )
    event = batch(
        *[message(f"m-{n}", each) for n, each in enumerate([*people, nobody])], message("m-3", "no letter")
    )

    assert previewed(shop, event) == [
        Outcome.ALREADY_HANDLED,
        Outcome.NOT_RUN,
        Outcome.IGNORED,
        Outcome.FAILED,
    ]
    assert (previewed(shop, event), shop.done) == (previewed(shop, event), [])


def test_a_preview_knows_dead_letters() -> None:
    shop = Shop(after=1)
    shop.trouble["welcome"] = ValueError()
    broken = {**insert(2, user("bob")), "eventName": "UPSERT"}
    shop.app(batch(RECORD, broken))

    assert previewed(shop, batch(RECORD, broken)) == [Outcome.ALREADY_HANDLED] * 2
    assert previewed(shop, batch(message("a", shop.sink.letters[0]))) == [Outcome.NOT_RUN]


def test_a_preview_needs_the_store() -> None:
    assert previewed(Shop(store=Down()), batch(RECORD)) == [Outcome.FAILED]


def test_a_preview_may_have_no_store() -> None:
    assert previewed(Shop(store=None), batch(RECORD)) == [Outcome.NOT_RUN]


def test_all_marks_are_read_at_once() -> None:
    reads: list[int] = []

    class Counting(MemoryStore):
        def handled(self, marks: Any, *, patience: timedelta = PATIENCE) -> Any:
            reads.append(len(marks))
            return super().handled(marks, patience=patience)

    shop = Shop(store=Counting(keep=timedelta(days=2)))

    shop.app(batch(RECORD))
    shop.app(batch(message("a", shop.letter())))

    assert reads == [4, 1]


class NoSink:
    def write(self, text: str) -> None: ...


@pytest.mark.parametrize("sink", [None, "https://queue", Sent, NoSink()])
def test_a_sink_has_the_one_method(sink: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be an instance"):
        DeadLetters(sink)


@pytest.mark.parametrize("settings", [{"after": 0}, {"after_invalid": 0}])
def test_after_is_at_least_1(settings: Any) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        DeadLetters(Sent(), **settings)


class Fragile(MemoryStore):
    """A store that kills the function before marks are written, or loses an answer."""

    def __init__(self) -> None:
        super().__init__(tables={"totals": ("pk",)})
        self.dies = False
        self.loses_answer = False

    def add(self, marks: Collection[str], *, patience: timedelta = PATIENCE) -> None:
        if self.dies:
            raise KeyboardInterrupt
        super().add(marks, patience=patience)

    def commit(self, mark: str, transaction: Transaction, *, patience: timedelta) -> bool:
        committed = super().commit(mark, transaction, patience=patience)
        if self.loses_answer:
            raise StoreError("no answer")
        return committed


class Step(NamedTuple):
    """A delivery, of the stream or of all letters so far, and its faults."""

    of_letters: bool
    fails: bool
    dies: bool
    loses_answer: bool


def total_after(steps: list[Step]) -> object:
    """Return the total that one record has added after these deliveries and some without faults."""
    store, sink = Fragile(), Sent()
    app = StreamApp("bank", store=store, dead_letter=DeadLetters(sink, after=2))
    fails = False

    @app.on_insert(User)
    def book(change: Insert[User], tx: Transaction) -> None:
        tx.update("totals", key={"pk": change.new.pk}, add={"total": 1})
        if fails:
            raise ConnectionError

    well = Step(of_letters=False, fails=False, dies=False, loses_answer=False)
    for step in [*steps, well, well._replace(of_letters=True), well, well._replace(of_letters=True)]:
        fails, store.dies, store.loses_answer = step.fails, step.dies, step.loses_answer
        letters = [message(str(number), each) for number, each in enumerate(sink.letters)]
        with suppress(KeyboardInterrupt):
            app.process(batch(*letters) if step.of_letters else batch(RECORD))
    item = store.item("totals", {"pk": "ada"})
    return item and item["total"]


@given(st.lists(st.builds(Step, *[st.booleans()] * 4), max_size=8))
def test_a_transaction_is_done_once(steps: list[Step]) -> None:
    assert total_after(steps) == 1


@pytest.mark.parametrize(("size", "kept"), [(1_000, True), (400_000, False)])
def test_no_huge_record_is_kept_unread(size: int, *, kept: bool) -> None:
    unreadable = {"dynamodb": ["x"] * (size // 6)}
    delivered = message("m-1", compressed(letter(unreadable)))

    [report] = StreamApp("users").process(batch(delivered), Context()).records

    assert isinstance(report.record, UnreadableRecord)
    assert report.record.raw == (unreadable if kept else delivered)
    assert report.record.identifier == "m-1"
    assert isinstance(report.error, InvalidRecordError)
