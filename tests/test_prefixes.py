"""`Prefix` tells the items of a model from others by how an attribute begins, to pydantic and to routing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    create_model,
)
from typing_extensions import TypeAliasType, TypedDict

from ddbevents import (
    Attr,
    ConfigurationError,
    InvalidItemError,
    KeyChange,
    Modify,
    Prefix,
    StreamApp,
    decode,
    encode,
)
from ddbevents._codec._compile import (  # which of two decoders answers is seen inside only
    compile_decoder,
    works,
)
from ddbevents._codec._writing import make_writing  # the same
from ddbevents.testing import event, inserted
from ddbevents.testing import insert as inserted_record
from tests.stream import CANARY, Json, batch, insert, modify, record, remove, user
from tests.stream import insert as insert_record

CartKey: TypeAlias = Annotated[str, Prefix("CART#")]


class Cart(BaseModel):
    pk: CartKey
    email: str = ""


class User(BaseModel):
    pk: Annotated[str, Prefix("USER#")]


class Admin(BaseModel):
    pk: Annotated[str, Prefix("USER#admin-")]


class Root(BaseModel):
    pk: Literal["USER#root", "ROOT"]


class Anything(BaseModel):
    pk: str


class Shade(StrEnum):
    DARK = "CART#dark"


@pytest.mark.parametrize("pk", ["CART#", "CART#1", "CART#\n", Shade.DARK])
def test_pydantic_accepts_the_beginning(pk: str) -> None:
    assert Cart(pk=pk).pk == pk


@pytest.mark.parametrize("pk", ["", "CART", "cart#1", " CART#1", "\nCART#1", "xCART#1", b"CART#1", 7, None])
def test_pydantic_refuses_any_other(pk: Any) -> None:
    with pytest.raises(ValidationError):
        Cart(pk=pk)


@pytest.mark.parametrize(
    "text", [r"a.b*[c]", "^$", "\\d", "ä#", "{1}", "(", "a b|c", "+?", "-&~/<>'\"`", "\n"]
)
def test_each_character_means_itself(text: str) -> None:
    adapter = TypeAdapter[str](Annotated[str, Prefix(text)])

    assert adapter.validate_python(f"{text}1") == f"{text}1"
    with pytest.raises(ValidationError):
        adapter.validate_python(f"a{text}")


def test_the_json_schema_has_a_pattern() -> None:
    pk = Cart.model_json_schema()["properties"]["pk"]

    assert (pk["type"], pk["pattern"]) == ("string", "^CART#")


@pytest.mark.parametrize("text", ["", "\ud800", b"CART#", None, ("A#", "B#")], ids=ascii)
def test_a_prefix_is_text(text: Any) -> None:
    with pytest.raises(ConfigurationError, match="is the text that values begin with"):
        Prefix(text)


@pytest.mark.parametrize(
    "hint", [int, bytes, str | None, Literal["CART#1"], Shade, list[str], Anything], ids=str
)
def test_only_text_begins_so(hint: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"annotates no str: write Annotated\[str, Prefix\('A#'\)\]"):
        with_field(Annotated[hint, Prefix("A#")])


def test_a_field_has_one_prefix() -> None:
    with pytest.raises(ConfigurationError, match="the second Prefix of its field: to allow either, write"):
        with_field(Annotated[CartKey, Prefix("CART#1")])


def test_prefixes_are_equal_by_their_texts() -> None:
    assert {Prefix("A#"), Prefix("A#")} == {Prefix("A#")}
    assert Prefix("A#") != Prefix("B#")
    assert Prefix("A#") != "A#"
    assert repr(Prefix("A#")) == "Prefix('A#')"


def taken_by(app: StreamApp, models: dict[str, Any]) -> dict[str, list[str]]:
    """Register a handler for each model, and return where they note the names of models."""
    taken: dict[str, list[str]] = {name: [] for name in models}

    def handler(name: str) -> Callable[[Any], None]:
        def note(change: Any) -> None:
            taken[name].append(change.record.keys["pk"])

        note.__name__ = note.__qualname__ = f"note_{name}"
        return note

    for name, model in models.items():
        app.on_change(model)(handler(name))
    return taken


MODELS: Final = {"cart": Cart, "user": User, "admin": Admin, "root": Root, "anything": Anything}
KEYS: Final = ["CART#1", "USER#1", "USER#admin-1", "USER#root", "ROOT", "USER", "cart#1"]
EXPECTED: Final = {
    "cart": ["CART#1"],
    "user": ["USER#1", "USER#admin-1", "USER#root"],
    "admin": ["USER#admin-1"],
    "root": ["USER#root", "ROOT"],
    "anything": KEYS,
}


@pytest.mark.parametrize("concurrency", [1, 2], ids=["straight", "in lanes"])
@pytest.mark.parametrize("make", [insert, remove, lambda number, item: modify(number, item, item)])
def test_records_come_to_their_models(make: Callable[[int, Json], Json], concurrency: int) -> None:
    app = StreamApp("shop", concurrency=concurrency)
    taken = taken_by(app, MODELS)

    app(batch(*(make(number, user(pk)) for number, pk in enumerate(KEYS))))

    assert {name: sorted(keys) for name, keys in taken.items()} == {
        name: sorted(keys) for name, keys in EXPECTED.items()
    }


def test_keys_are_told_apart_too() -> None:
    app, taken = StreamApp("shop"), list[str]()

    @app.on_keys(Cart)
    def note(change: KeyChange[Cart]) -> None:
        taken.append(change.keys.pk)

    app(
        batch(
            *(
                record(number, "REMOVE", user(pk), StreamViewType="KEYS_ONLY")
                for number, pk in enumerate(KEYS)
            )
        )
    )

    assert taken == ["CART#1"]


def test_a_condition_holds_beside_it() -> None:
    app, taken = StreamApp("shop"), list[str]()

    @app.on_modify(Cart, changed="email", where=Attr("email").eq("new"))
    def note(change: Modify[Cart]) -> None:
        taken.append(change.new.pk)

    changes = [modify(number, user(pk, "old"), user(pk, "new")) for number, pk in enumerate(KEYS)]
    app(batch(*changes, modify(9, user("CART#2", "new"), user("CART#2", "new"))))

    assert taken == ["CART#1"]


Lower: TypeAlias = Annotated[str, StringConstraints(to_lower=True, strip_whitespace=True)]


class Typed(TypedDict):
    sk: Annotated[str, Prefix("A#")]


class Stripping(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, str_to_upper=True, coerce_numbers_to_str=True)

    sk: Annotated[str, Prefix("A#")]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    sk: Annotated[str, Prefix("A#")]


def with_field(hint: Any, **parts: Any) -> Any:
    return create_model("Item", sk=(hint, Field(**parts)))


BEGINNING: Final[Any] = Annotated[str, Prefix("A#")]
NAMED = TypeAliasType("NAMED", Annotated[str, Prefix("A#")])
NAMED_TEXT = TypeAliasType("NAMED_TEXT", str)
AGREEING: Final[dict[str, Any]] = {
    "plain": with_field(BEGINNING),
    "of a digit": with_field(Annotated[str, Prefix("7")]),
    "or none": with_field(BEGINNING | None),
    "or a literal": with_field(BEGINNING | Literal["ROOT", 7] | None),
    "or another": with_field(BEGINNING | Annotated[str, Prefix("a")]),
    "with a default": with_field(BEGINNING, default="A#0"),
    "with aliases": with_field(BEGINNING, validation_alias=AliasChoices("other", "sk")),
    "after a validator": with_field(Annotated[str, AfterValidator(str.lower), Prefix("A#")]),
    "before a validator": with_field(Annotated[str, Prefix("A#"), AfterValidator(str.lower)]),
    "inside a validator": with_field(Annotated[str, BeforeValidator(lambda _: "any"), Prefix("A#")]),
    "lower": with_field(Annotated[Lower, Prefix("A#")]),
    "lower after": with_field(
        Annotated[str, Prefix("A#"), StringConstraints(to_lower=True, strip_whitespace=True)]
    ),
    "with more": with_field(Annotated[str, Prefix("A#"), StringConstraints(pattern="^[^x]", max_length=99)]),
    "named": with_field(NAMED),
    "of a named type": with_field(Annotated[NAMED_TEXT, Prefix("A#")]),
    "with a validator of a named type": with_field(
        Annotated[Annotated[NAMED_TEXT, AfterValidator(str.upper)], Prefix("A#")]
    ),
    "stripping": Stripping,
    "strict": Strict,
    "typed": Typed,
}
ATTRIBUTES: Final = st.one_of(
    st.sampled_from(["A#", "A#1", "a#1", "a", " A#1", "ROOT", "7", "", "#A"]).map(lambda text: {"S": text}),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5).map(lambda text: {"S": f"A{text}"}),
    st.sampled_from(["7", "7.0", "-1"]).map(lambda number: {"N": number}),
    st.sampled_from([{"NULL": True}, {"B": "QSMx"}, {"BOOL": True}, {"SS": ["A#1"]}, {"M": {}}, {"L": []}]),
)
IMAGES: Final = st.dictionaries(st.sampled_from(["sk", "other"]), ATTRIBUTES)


def accepts(model: Any, image: Json) -> bool:
    try:
        decode(model, image)
    except InvalidItemError:
        return False
    return True


def takes(model: Any, image: Json, **parts: Any) -> bool:
    app, taken = StreamApp("shop", **parts), list[object]()

    def note_taken(change: object) -> None:
        taken.append(change)

    app.on_insert(model)(note_taken)

    @app.on_insert(Anything)
    def note(change: object) -> None: ...

    app.process(batch(insert_record(1, {"pk": {"S": "a"}, **image})))
    return bool(taken)


@pytest.mark.parametrize("model", AGREEING.values(), ids=AGREEING)
@given(image=IMAGES)
def test_routing_takes_what_the_model_accepts(model: Any, image: Json) -> None:
    is_item = accepts(model, {"pk": {"S": "a"}, **image})

    assert takes(model, image) is is_item
    assert takes(model, image, concurrency=2) is is_item


def test_user_code_before_it_hides_it() -> None:
    model = with_field(Annotated[str, Prefix("A#"), BeforeValidator(lambda text: f"A#{text}")])

    assert takes(model, {"sk": {"S": "1"}})


@pytest.mark.skipif(not works(), reason="this pydantic builds no changed decoders")
@pytest.mark.parametrize("model", [Cart, Strict, AGREEING["or none"], AGREEING["with more"]], ids=range(4))
def test_the_fast_decoder_reads_it(model: Any) -> None:
    compiled: Any = compile_decoder(model).compiled

    assert compiled({"pk": {"S": "CART#1"}, "sk": {"S": "A#1"}}) is not None
    with pytest.raises(ValidationError):
        compiled({"pk": {"S": "USER#1"}, "sk": {"S": "B#1"}})


def test_the_fast_encoder_writes_it() -> None:
    assert make_writing(Cart).generated is not None
    assert encode(Cart(pk="CART#1")) == {"pk": {"S": "CART#1"}, "email": {"S": ""}}


def test_the_builders_make_such_items() -> None:
    app, cart = StreamApp("shop"), Cart(pk="CART#1", email="ada@example.com")
    taken = taken_by(app, {"cart": Cart, "user": User})

    app(event(inserted_record(cart)))

    assert taken == {"cart": ["CART#1"], "user": []}
    assert inserted(cart).new == cart


SPELLING: Final = (
    f"{__name__}.handle seems to miss records of Cart: items have a pk that begins as its Prefix, but in"
    " another spelling, and capitals, spaces, - and _ count: write it as the items have it"
)


def handle(change: object) -> None: ...


def warnings_of(caplog: pytest.LogCaptureFixture, *items: Json) -> list[str]:
    app = StreamApp("shop")
    app.on_insert(Cart)(handle)
    with caplog.at_level(logging.WARNING, "ddbevents"):
        app(batch(*(insert(number, {"pk": {"S": "x"}, **item}) for number, item in enumerate(items))))
    return [each.getMessage() for each in caplog.records]


def test_another_spelling_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    assert warnings_of(caplog, user("Cart#1", CANARY)) == [
        SPELLING,
    ]


@pytest.mark.parametrize("pk", ["USER#1", "CARTON", "CART", "CAR", "C", "", "CARD#1", "cart_1", "ACART#1"])
def test_another_beginning_is_not(pk: str, caplog: pytest.LogCaptureFixture) -> None:
    assert warnings_of(caplog, user(pk)) == []


def test_a_word_may_begin_others(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp("shop")
    app.on_insert(with_field(Annotated[str, Prefix("CART")]))(handle)

    app(batch(insert(1, user("a", sk={"S": "carton"}))))

    assert caplog.messages == []


def test_another_name_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    app = StreamApp("shop")
    app.on_insert(with_field(Annotated[str, Prefix("A#")]))(handle)

    app(batch(insert(1, user("a", SK={"S": "A#1"}))))

    assert "items have SK, but its Prefix field reads sk: give it the alias 'SK'" in caplog.text


def test_the_report_says_why() -> None:
    app = StreamApp("shop")
    app.on_insert(Cart)(handle)

    [report] = app.process(batch(insert(1, user("USER#1")))).records

    assert report.why_ignored == f"{__name__}.handle: pk has no value that Cart allows"
