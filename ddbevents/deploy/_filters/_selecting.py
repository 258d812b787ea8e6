"""The records that a handler takes, or fails on, as branches of a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..._changes import Place
from ..._codec import discriminators
from ..._conditions import Condition
from ..._records import Kind, ViewType
from ..._routing import Selection
from ._alternatives import ABSENT, Alternatives, other_than
from ._branches import ALL, KIND, KINDS, Branch, Branches, joined
from ._expressing import Note, all_of, of_condition, of_field

CARRIED: Final[Mapping[ViewType, Sequence[Place]]] = {
    "KEYS_ONLY": ["Keys"],
    "NEW_IMAGE": ["Keys", "NewImage"],
    "OLD_IMAGE": ["Keys", "OldImage"],
    "NEW_AND_OLD_IMAGES": ["Keys", "NewImage", "OldImage"],
}
"""The parts of a record that a stream of each view type has."""

_IDENTITY: Final = "userIdentity"
_SERVICE: Final = "dynamodb.amazonaws.com"


def branches_of(selection: Selection, carried: Sequence[Place], note: Note) -> Branches:
    """Return branches that match every record that a handler takes or fails on.

    Args:
        selection: The condition under which the handler runs.
        carried: The parts of a record that the stream has.
        note: Notes what was widened.
    """
    if selection.changed:
        note(", ".join(sorted(selection.changed)), "a filter cannot compare the images, as `changed` does")
    kinds: list[Kind] = [kind for kind in KINDS if kind in selection.kinds]
    found: list[Branch] = []
    for kind in kinds:
        always: Branch = {KIND: (kind,), **_expiry(selection.expired)}
        found += all_of([[always], _images(selection, kind, carried, note)], note)
    return joined(found)


def _expiry(expired: bool | None) -> Branch:  # noqa: FBT001  # as the selection has it
    """Return what AWS writes on removals by time to live, and on nothing else."""
    if expired is None:
        return {}
    principal: Alternatives = (_SERVICE,) if expired else (other_than([_SERVICE]), ABSENT)
    return {(_IDENTITY, "principalId"): principal}


def _images(selection: Selection, kind: Kind, carried: Sequence[Place], note: Note) -> Branches:
    if selection.where is None and not discriminators(selection.model):
        return ALL
    if selection.form.is_latest:
        return _latest_images(selection, kind, carried, note)
    return _image(selection, selection.form.sees(kind), carried, note)


def _latest_images(selection: Selection, kind: Kind, carried: Sequence[Place], note: Note) -> Branches:
    """Let pass also what may say that an item left the view.

    A handler of last states gets all of a batch's records of an item after the first one that it takes. So
    where no old image tells, all records pass but those whose key belongs to another entity.
    """
    if kind == "INSERT" or "NewImage" not in carried:
        return _image(selection, "NewImage", carried, note)
    if kind == "MODIFY" and "OldImage" in carried:
        sides: list[Place] = ["NewImage", "OldImage"]
        return joined(branch for side in sides for branch in _image(selection, side, carried, note))
    note(kind, "it may take an item out of the view, so that every one passes whose key allows it")
    # an attribute that is no part of the key is absent there
    fields = [field._replace(required=False) for field in discriminators(selection.model)]
    return all_of([of_field(field, "Keys", note) for field in fields], note)


def _image(selection: Selection, place: Place, carried: Sequence[Place], note: Note) -> Branches:
    if place not in carried:
        note(
            f"dynamodb.{place}",
            "the stream does not carry it, so that the handler fails, and no record may be hidden from it",
        )
        return ALL
    where: Condition | None = selection.where
    parts = [] if where is None else [of_condition(where, place, note)]
    parts += [of_field(field, place, note) for field in discriminators(selection.model)]
    return all_of(parts, note)
