from __future__ import annotations

import pytest
from pydantic import BaseModel

from ddbevents import Insert, KeyChange, Modify, Remove, parse_event
from tests.stream import batch, insert, user


class User(BaseModel):
    email: str


[RECORD] = parse_event(batch(insert(1, user("a"))))
ADA, GRACE = User(email="ada@example.com"), User(email="grace@example.com")


def test_changes_are_equal_by_their_parts() -> None:
    assert Insert(ADA, RECORD) == Insert(ADA, RECORD)
    assert Insert(ADA, RECORD) != Insert(GRACE, RECORD)
    assert Insert(ADA, RECORD) != Remove(ADA, RECORD)
    assert Modify(ADA, GRACE, RECORD) == Modify(new=GRACE, old=ADA, record=RECORD)
    assert KeyChange({"pk": "a"}, RECORD) != {"pk": "a"}


def test_a_change_shows_its_item_and_of_its_record_only_which_it_is() -> None:
    shown = repr(Modify(ADA, GRACE, RECORD))

    assert shown.startswith("Modify(new=User(email='grace@example.com'), old=User(")
    assert shown.endswith(f"record=<StreamRecord INSERT {RECORD.sequence_number} of Users>)")


def test_a_change_has_no_hash_as_any_value_that_holds_items() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Insert(ADA, RECORD))
