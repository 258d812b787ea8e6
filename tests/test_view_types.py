"""Every stream view type: which decorators it serves, and what is said of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Literal

import pytest
from pydantic import BaseModel

from ddbevents import (
    Attr,
    ConfigurationError,
    InvalidItemError,
    KeyChange,
    Modify,
    Outcome,
    Previous,
    Router,
    StreamApp,
    StreamRecord,
    Transaction,
    Upsert,
    ViewType,
    parse_event,
    to_json,
)
from ddbevents.stores import MemoryStore
from ddbevents.testing import Table, explore
from tests.stream import Json, batch, insert, modify, remove, user

Register = Callable[[Router], Callable[[Callable[[Any], None]], object]]


class User(BaseModel):
    pk: str
    email: str


class Active(BaseModel):
    pk: str
    state: Literal["active"]


VIEW_TYPES: Final[tuple[ViewType, ...]] = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")
DECORATORS: Final[Mapping[str, Register]] = {
    "on_insert": lambda app: app.on_insert(User),
    "on_modify": lambda app: app.on_modify(User),
    "on_remove": lambda app: app.on_remove(User),
    "on_upsert": lambda app: app.on_upsert(User),
    "on_previous": lambda app: app.on_previous(User),
    "on_change": lambda app: app.on_change(User),
    "on_keys": lambda app: app.on_keys(dict),
    "on_record": lambda app: app.on_record(),
}
# an INSERT, a MODIFY and a REMOVE of a stream of each view type: + is handled, - lacks an image, . is ignored
TABLE: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "on_insert": ("-..", "+..", "-..", "+.."),
    "on_modify": (".-.", ".-.", ".-.", ".+."),
    "on_remove": ("..-", "..-", "..+", "..+"),
    "on_upsert": ("--.", "++.", "--.", "++."),
    "on_previous": (".--", ".--", ".++", ".++"),
    "on_change": ("---", "+--", "--+", "+++"),
    "on_keys": ("+++", "+++", "+++", "+++"),
    "on_record": ("+++", "+++", "+++", "+++"),
}
CELLS: Final = [
    (name, view_type, cell)
    for name, cells in TABLE.items()
    for view_type, cell in zip(VIEW_TYPES, cells, strict=True)
]
SIGNS: Final = {Outcome.HANDLED: "+", Outcome.FAILED: "-", Outcome.IGNORED: "."}
ADA, GRACE = User(pk="a", email="ada@example.com"), User(pk="a", email="grace@example.com")
A, B = user("a"), user("a", "grace@example.com")
BATCH: Final = batch(insert(1, A), modify(2, A, B), remove(3, B))
[INSERTED, MODIFIED, REMOVED] = parse_event(BATCH)
BROKEN: Final = {"pk": {"S": "a"}, "mail": {"X": 1}}


@pytest.fixture
def app() -> StreamApp:
    return StreamApp()


def ignore(change: object) -> None: ...


def records_of(view_type: ViewType) -> list[Json]:
    table = Table("Users", "pk", view_type=view_type)
    return [table.insert(ADA), table.modify(ADA, GRACE), table.remove(GRACE)]


@pytest.mark.parametrize(("name", "view_type", "cell"), CELLS)
def test_a_stream_serves_some(name: str, view_type: ViewType, cell: str, app: StreamApp) -> None:
    DECORATORS[name](app)(ignore)

    # one by one, since a failure ends a batch
    reports = [app.process(batch(record)).records[0] for record in records_of(view_type)]

    assert "".join(SIGNS[report.outcome] for report in reports) == cell


def error_of(name: str, view_type: ViewType, place: int) -> str:
    app = StreamApp()
    DECORATORS[name](app)(ignore)
    [report] = app.process(batch(records_of(view_type)[place])).records
    return str(report.error)


ON_KEYS: Final = 'or register the handler with on_keys(..., kinds="{}"), which needs no image'
ON_UPSERT: Final = (
    "or register the handler with on_upsert, which needs only the new image: this NEW_IMAGE stream"
)
ON_PREVIOUS: Final = (
    "or register the handler with on_previous, which needs only the old image: this OLD_IMAGE stream"
)


@pytest.mark.parametrize(
    ("name", "view_type", "place", "needed", "cure"),
    [
        ("on_insert", "KEYS_ONLY", 0, "NEW_IMAGE or NEW_AND_OLD_IMAGES", ON_KEYS.format("INSERT")),
        ("on_insert", "OLD_IMAGE", 0, "NEW_IMAGE or NEW_AND_OLD_IMAGES", ON_KEYS.format("INSERT")),
        ("on_modify", "KEYS_ONLY", 1, "NEW_AND_OLD_IMAGES", ON_KEYS.format("MODIFY")),
        ("on_modify", "NEW_IMAGE", 1, "NEW_AND_OLD_IMAGES", ON_UPSERT),
        ("on_modify", "OLD_IMAGE", 1, "NEW_AND_OLD_IMAGES", ON_PREVIOUS),
        ("on_change", "NEW_IMAGE", 1, "NEW_AND_OLD_IMAGES", ON_UPSERT),
        ("on_change", "NEW_IMAGE", 2, "OLD_IMAGE or NEW_AND_OLD_IMAGES", ON_KEYS.format("REMOVE")),
        ("on_change", "OLD_IMAGE", 1, "NEW_AND_OLD_IMAGES", ON_PREVIOUS),
        ("on_upsert", "OLD_IMAGE", 1, "NEW_IMAGE or NEW_AND_OLD_IMAGES", ON_PREVIOUS),
        ("on_upsert", "KEYS_ONLY", 1, "NEW_IMAGE or NEW_AND_OLD_IMAGES", ON_KEYS.format("MODIFY")),
        ("on_previous", "NEW_IMAGE", 1, "OLD_IMAGE or NEW_AND_OLD_IMAGES", ON_UPSERT),
        ("on_previous", "KEYS_ONLY", 2, "OLD_IMAGE or NEW_AND_OLD_IMAGES", ON_KEYS.format("REMOVE")),
    ],
)
def test_both_cures_are_named(name: str, view_type: ViewType, place: int, needed: str, cure: str) -> None:
    assert f"needs it: set the table's StreamViewType to {needed}, {cure}" in error_of(name, view_type, place)


@pytest.mark.parametrize("name", ["on_change", "on_modify"])
def test_conditions_name_both_cures(app: StreamApp, name: str) -> None:
    getattr(app, name)(User, where=Attr("email").exists())(ignore)

    [report] = app.process(batch(records_of("OLD_IMAGE")[1])).records

    assert f"StreamViewType to NEW_AND_OLD_IMAGES, {ON_PREVIOUS}" in str(report.error)


def test_changed_names_both_cures(app: StreamApp) -> None:
    app.on_modify(User, changed="email")(ignore)

    [report] = app.process(batch(records_of("NEW_IMAGE")[1])).records

    assert f"StreamViewType to NEW_AND_OLD_IMAGES, {ON_UPSERT}" in str(report.error)


def test_an_unknown_view_type_has_cures_too(app: StreamApp) -> None:
    app.on_change(User)(ignore)

    [report] = app.process(batch(modify(1, {}, A, OldImage=None, StreamViewType="SOME", Keys=A))).records

    assert "on_upsert, which needs only the new image: this stream carries it" in str(report.error)


def test_an_upsert_holds_the_new_item(app: StreamApp) -> None:
    changes: list[Upsert[User]] = []
    app.on_upsert(User)(changes.append)

    app(BATCH)

    assert changes == [Upsert(ADA, INSERTED), Upsert(GRACE, MODIFIED)]
    assert [change.kind for change in changes] == ["INSERT", "MODIFY"]


def test_a_previous_holds_the_old_item(app: StreamApp) -> None:
    changes: list[Previous[User]] = []
    app.on_previous(User)(changes.append)

    app(BATCH)

    assert changes == [Previous(ADA, MODIFIED), Previous(GRACE, REMOVED)]
    assert [change.kind for change in changes] == ["MODIFY", "REMOVE"]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (Upsert(ADA, INSERTED), '"new":{"pk":"a","email":"ada@example.com"}'),
        (Upsert(GRACE, MODIFIED), '"new":{"pk":"a","email":"grace@example.com"}'),
        (Previous(ADA, MODIFIED), '"old":{"pk":"a","email":"ada@example.com"}'),
        (Previous(GRACE, REMOVED), '"old":{"pk":"a","email":"grace@example.com"}'),
    ],
)
def test_json_has_the_same_parts(change: Upsert[User] | Previous[User], part: str) -> None:
    assert to_json(change) == f'{{"kind":"{change.kind}","keys":{{"pk":"a"}},{part}}}'


def test_an_upsert_reads_no_old_image(app: StreamApp) -> None:
    changes: list[Upsert[User]] = []
    app.on_upsert(User)(changes.append)

    app(batch(modify(1, BROKEN, A)))

    assert [change.new for change in changes] == [ADA]


def test_a_previous_reads_no_new_image(app: StreamApp) -> None:
    changes: list[Previous[User]] = []
    app.on_previous(User)(changes.append)

    app(batch(modify(1, A, BROKEN)))

    assert [change.old for change in changes] == [ADA]


def test_a_previous_that_is_refused_says_so(app: StreamApp) -> None:
    app.on_previous(User)(ignore)

    [report] = app.process(batch(modify(1, {"pk": {"S": "a"}}, A))).records

    assert isinstance(report.error, InvalidItemError)
    assert report.error.reason == "User requires this attribute"
    assert report.error.path == ("dynamodb", "OldImage", "email")


ACTIVE, GONE = user("a", state={"S": "active"}), user("a", state={"S": "gone"})
IS_ACTIVE: Final = Attr("state").eq("active")


@pytest.mark.parametrize(
    ("register", "signs"),
    [
        (lambda app: app.on_previous(Active), ".+.+"),
        (lambda app: app.on_previous(User, where=IS_ACTIVE), ".+.+"),
        (lambda app: app.on_upsert(Active), "+.+."),
        (lambda app: app.on_upsert(User, where=IS_ACTIVE), "+.+."),
    ],
    ids=["a Literal of old", "where of old", "a Literal of new", "where of new"],
)
def test_conditions_see_the_item(app: StreamApp, register: Register, signs: str) -> None:
    register(app)(ignore)

    report = app.process(
        batch(insert(1, ACTIVE), modify(2, ACTIVE, GONE), modify(3, GONE, ACTIVE), remove(4, ACTIVE))
    )

    assert "".join(SIGNS[each.outcome] for each in report.records) == signs


@pytest.mark.parametrize("name", ["on_previous", "on_upsert"])
def test_an_ignored_change_has_a_reason(app: StreamApp, name: str) -> None:
    getattr(app, name)(Active)(ignore)

    [report] = app.process(batch(modify(1, GONE, GONE))).records

    assert report.why_ignored == "tests.test_view_types.ignore: state has no value that Active allows"


def test_all_handlers_of_a_record_share_items(app: StreamApp) -> None:
    changes: list[Any] = []

    @app.on_upsert(User)
    def upserted(change: Upsert[User]) -> None:
        changes.append(change)

    @app.on_modify(User)
    def modified(change: Modify[User]) -> None:
        changes.append(change)

    @app.on_previous(User)
    def replaced(change: Previous[User]) -> None:
        changes.append(change)

    app(batch(modify(1, A, B)))

    assert changes[0].new is changes[1].new
    assert changes[1].old is changes[2].old


@pytest.mark.parametrize(
    ("kinds", "signs"),
    [
        ("REMOVE", "..+"),
        (("INSERT", "MODIFY"), "++."),
        (["MODIFY"], ".+."),
        ({"INSERT", "REMOVE"}, "+.+"),
        (frozenset({"INSERT", "MODIFY", "REMOVE"}), "+++"),
    ],
    ids=["one", "a tuple", "a list", "a set", "all"],
)
def test_on_keys_takes_these_kinds(app: StreamApp, kinds: Any, signs: str) -> None:
    app.on_keys(dict, kinds=kinds)(ignore)

    report = app.process(batch(*records_of("KEYS_ONLY")))

    assert "".join(SIGNS[each.outcome] for each in report.records) == signs


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ("remove", "kinds has no remove: it takes INSERT, MODIFY, REMOVE and SNAPSHOT; did you mean REMOVE?"),
        (
            ["INSERT", "DELETE"],
            "kinds has no DELETE: it takes INSERT, MODIFY, REMOVE and SNAPSHOT; did you mean REMOVE?",
        ),
        ("UPDATE", "SNAPSHOT; did you mean MODIFY?"),
        ("ANYTHING", "kinds has no ANYTHING: it takes INSERT, MODIFY, REMOVE and SNAPSHOT"),
        ((), "kinds names no kind of change: leave it out to take every change"),
        (None, "kinds must be one or several of INSERT, MODIFY, REMOVE and SNAPSHOT, as text, not NoneType"),
        (b"REMOVE", "as text, not bytes"),
        ([["REMOVE"]], "as text, not list"),
    ],
    ids=str,
)
def test_other_kinds_are_refused(app: StreamApp, kinds: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        app.on_keys(dict, kinds=kinds)

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("kinds", "expired", "signs"),
    [
        (("INSERT", "REMOVE"), None, "+++"),
        (("INSERT", "REMOVE"), True, "..+"),
        (("INSERT", "REMOVE"), False, "++."),
        ("REMOVE", True, "..+"),
        ("REMOVE", False, ".+."),
    ],
)
def test_on_keys_tells_expiry(app: StreamApp, kinds: Any, expired: bool | None, signs: str) -> None:
    table = Table("Users", "pk", view_type="KEYS_ONLY")
    app.on_keys(dict, kinds=kinds, expired=expired)(ignore)

    report = app.process(batch(table.insert(ADA), table.remove(ADA), table.remove(ADA, expired=True)))

    assert "".join(SIGNS[each.outcome] for each in report.records) == signs


def test_expired_needs_removals(app: StreamApp) -> None:
    with pytest.raises(ConfigurationError, match="kinds has no REMOVE: add it, or leave expired out"):
        app.on_keys(dict, kinds=("INSERT", "MODIFY"), expired=False)


def test_a_mirror_of_new_images_is_two_handlers(app: StreamApp) -> None:
    mirror: dict[str, User] = {}

    @app.on_upsert(User)
    def put(change: Upsert[User]) -> None:
        mirror[change.new.pk] = change.new

    @app.on_keys(dict, kinds="REMOVE")
    def delete(change: KeyChange[dict[str, Any]]) -> None:
        del mirror[change.keys["pk"]]

    first, second, third = records_of("NEW_IMAGE")
    assert app.process(batch(first, second)).response == {"batchItemFailures": []}
    assert mirror == {"a": GRACE}

    assert app.process(batch(third)).response == {"batchItemFailures": []}
    assert mirror == {}


def refusal_of(make: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as refused:
        make()
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "view_type"), [(name, view_type) for name, view_type, cell in CELLS if "-" not in cell]
)
def test_what_a_stream_serves_is_registered(name: str, view_type: ViewType) -> None:
    app = StreamApp(view_type=view_type)

    DECORATORS[name](app)(ignore)

    report = app.process(batch(*records_of(view_type)))
    assert Outcome.FAILED not in {each.outcome for each in report.records}


@pytest.mark.parametrize(
    ("name", "view_type"), [(name, view_type) for name, view_type, cell in CELLS if "-" in cell]
)
def test_what_it_does_not_serve_is_refused(name: str, view_type: ViewType) -> None:
    app, router = StreamApp(view_type=view_type), Router()
    DECORATORS[name](router)(ignore)
    images = r"(the (new|old) image|both images) of .*"
    refused = rf"{name} needs {images}, which a stream of view_type {view_type} does not"

    with pytest.raises(ConfigurationError, match=f"^{refused}"):
        DECORATORS[name](app)
    with pytest.raises(ConfigurationError, match=f"^tests.test_view_types.ignore: {refused}"):
        app.include(router)


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["INSERT", "MODIFY", "REMOVE"])
@pytest.mark.parametrize("view_type", VIEW_TYPES)
def test_every_kind_is_served(view_type: ViewType, kind: int) -> None:
    """By a decorator that is not refused, and whose changes are decoded."""
    typed = [
        name for name, type_, cell in CELLS if type_ == view_type and cell[kind] == "+" and "-" not in cell
    ]

    assert {*typed} - {"on_record"}


REFUSALS: Final[Mapping[str, tuple[Callable[[], object], str]]] = {
    "change": (
        lambda: StreamApp(view_type="NEW_IMAGE").on_change(User),
        (
            "on_change needs the old image of MODIFY and REMOVE, which a stream of view_type NEW_IMAGE"
            " does not carry: such a stream serves on_insert, on_upsert, on_keys, on_latest and on_record,"
            " or set the table's StreamViewType and view_type to NEW_AND_OLD_IMAGES"
        ),
    ),
    "modify": (
        lambda: Router(view_type="KEYS_ONLY").on_modify(User),
        (
            "on_modify needs both images of MODIFY, which a stream of view_type"
            " KEYS_ONLY does not carry: such a stream serves on_keys and on_record, or set"
        ),
    ),
    "insert": (
        lambda: Router(view_type="OLD_IMAGE").on_insert(User),
        (
            "such a stream serves on_remove, on_previous, on_keys and on_record, or set the table's"
            " StreamViewType and view_type to NEW_IMAGE or NEW_AND_OLD_IMAGES"
        ),
    ),
    "record": (
        lambda: Router(view_type="KEYS_ONLY", where=Attr("email").exists()).on_record(),
        (
            "on_record with where needs the new image of INSERT and MODIFY and the old image of REMOVE,"
            " which a stream of view_type KEYS_ONLY does not carry: leave where out, or set"
        ),
    ),
    "some records": (
        lambda: StreamApp(view_type="NEW_IMAGE").on_record(where=Attr("email").exists()),
        "carry: leave where out, or take only kinds=('INSERT', 'MODIFY'), or set the table's",
    ),
    "no view type": (
        lambda: Router(view_type="new_image"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        "view_type must be one of KEYS_ONLY, NEW_IMAGE, OLD_IMAGE and NEW_AND_OLD_IMAGES",
    ),
    "a list": (
        lambda: StreamApp(view_type=["NEW_IMAGE"]),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        "view_type must be one of KEYS_ONLY, NEW_IMAGE, OLD_IMAGE and NEW_AND_OLD_IMAGES",
    ),
    "two view types": (
        lambda: StreamApp(view_type="KEYS_ONLY").include(Router(view_type="NEW_IMAGE")),
        (
            "the router is for a stream of view_type NEW_IMAGE, and the app for one of KEYS_ONLY: give both"
            " the one that the table has, or leave out the app's if it has several streams"
        ),
    ),
}


@pytest.mark.parametrize(("make", "message"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_says_what_serves(make: Callable[[], object], message: str) -> None:
    assert message in refusal_of(make)


@pytest.mark.parametrize(
    ("of_app", "of_router"), [(None, "NEW_IMAGE"), ("NEW_IMAGE", None), ("NEW_IMAGE", "NEW_IMAGE")]
)
def test_view_types_that_agree(of_app: ViewType | None, of_router: ViewType | None) -> None:
    app, router = StreamApp(view_type=of_app), Router(view_type=of_router)
    router.on_upsert(User)(ignore)

    app.include(router)

    assert app.process(batch(records_of("NEW_IMAGE")[0])).handled == 1


def test_a_refused_router_is_left_open(app: StreamApp) -> None:
    router = Router()
    router.on_change(User)(ignore)
    refusal_of(lambda: StreamApp(view_type="NEW_IMAGE").include(router))

    router.on_keys(dict)(ignore)
    app.include(router)

    assert app.process(BATCH).handled == 3


def test_records_with_where_may_be_served() -> None:
    app = StreamApp(view_type="NEW_IMAGE")
    app.on_record(where=Attr("email").exists(), kinds=("INSERT", "MODIFY"))(ignore)

    assert app.process(batch(*records_of("NEW_IMAGE"))).handled == 2


def test_a_copy_keeps_its_view_type() -> None:
    app = StreamApp(view_type="NEW_IMAGE").with_store(MemoryStore())

    assert "view_type NEW_IMAGE" in refusal_of(lambda: app.on_remove(User))


def mirror_of(view_type: ViewType, world: MemoryStore) -> StreamApp:
    """Return an app that keeps a table in line with a stream, by the decorators that it serves."""
    app = StreamApp("mirror", store=world, view_type=view_type)

    def put(change: Upsert[User], tx: Transaction) -> None:
        tx.put("mirror", change.new)

    def log(record: StreamRecord, tx: Transaction) -> None:
        tx.update("log", {"pk": record.kind}, add={"times": 1})

    def delete(change: KeyChange[dict[str, Any]], tx: Transaction) -> None:
        tx.delete("mirror", change.keys)

    def keep(change: Previous[User], tx: Transaction) -> None:
        tx.put("history", {"pk": change.record.event_id, "email": change.old.email})

    registrations: Mapping[ViewType, Callable[[], object]] = {
        "NEW_IMAGE": lambda: (app.on_upsert(User)(put), app.on_keys(dict, kinds="REMOVE")(delete)),
        "OLD_IMAGE": lambda: app.on_previous(User)(keep),
        "KEYS_ONLY": lambda: app.on_record()(log),
        "NEW_AND_OLD_IMAGES": lambda: (app.on_upsert(User)(put), app.on_previous(User)(keep)),
    }
    registrations[view_type]()
    return app


def tables_of(world: MemoryStore) -> object:
    return [world.items(table) for table in ("mirror", "history", "log")]


@pytest.mark.parametrize("view_type", VIEW_TYPES)
def test_each_view_type_can_be_explored(view_type: ViewType) -> None:
    exploration = explore(
        partial(mirror_of, view_type),
        records_of(view_type),
        observe=tables_of,
        make_world=lambda: MemoryStore(tables={"mirror": "pk", "history": "pk", "log": "pk"}),
        schedules=5,
    )

    assert exploration.violations == ()
