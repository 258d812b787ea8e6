"""Whether a stream of a view type can serve a handler. Imported by routers and apps that have one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from .._changes import Place
from .._errors import ConfigurationError
from .._records import Kind, ViewType
from ._route import Route
from ._selection import FORMS, KINDS, Selection

_CARRIED: Final[Mapping[ViewType, Sequence[Place]]] = {
    "KEYS_ONLY": ["Keys"],
    "NEW_IMAGE": ["Keys", "NewImage"],
    "OLD_IMAGE": ["Keys", "OldImage"],
    "NEW_AND_OLD_IMAGES": ["Keys", "NewImage", "OldImage"],
}
_NAMES: Final[Mapping[Place, str]] = {"NewImage": "new", "OldImage": "old"}


def check_view_type(view_type: object) -> None:
    """Refuse what is no view type.

    Raises:
        ConfigurationError: It is none.
    """
    if view_type not in [*_CARRIED]:
        raise ConfigurationError(f"view_type must be one of {_listed(_CARRIED)}")


def check_router(routes: Iterable[Route], of_router: ViewType | None, of_app: ViewType) -> None:
    """Refuse a router that an app cannot include.

    Args:
        routes: The router's routes.
        of_router: The view type that the router is for.
        of_app: The view type that the app is for.

    Raises:
        ConfigurationError: Their view types are two, or the app's stream cannot serve a handler.
    """
    if of_router not in {None, of_app}:
        raise ConfigurationError(
            f"the router is for a stream of view_type {of_router}, and the app for one of {of_app}: give both"
            " the one that the table has, or leave out the app's if it has several streams"
        )
    for route in routes:
        check_images(route.selection, of_app, f"{route.name}: ")


def check_images(selection: Selection, view_type: ViewType, handler: str = "") -> None:
    """Refuse a decorator that a stream cannot serve.

    Args:
        selection: What the decorator was given.
        view_type: The view type of the stream.
        handler: What the message begins with.

    Raises:
        ConfigurationError: The stream lacks an image. The message says which decorators do without.
    """
    lacks = _lacks(selection, view_type)
    if not lacks:
        return
    fitting = [each for each in _CARRIED if not _lacks(selection, each)]
    raise ConfigurationError(
        f"{handler}{_name(selection)} needs {_images(lacks)}, which a stream of view_type {view_type} does"
        f" not carry: {_cure(selection, view_type)}, or set the table's StreamViewType and view_type to"
        f" {' or '.join(fitting)}"
    )


def _images(lacks: Iterable[tuple[Kind, Place]]) -> str:
    """Return images as people name them, each with the kinds of record that need it."""
    images: dict[tuple[Kind, ...], list[str]] = {}
    for place, name in _NAMES.items():
        kinds: tuple[Kind, ...] = tuple([kind for kind, lacking in lacks if lacking == place])
        images.setdefault(kinds, []).append(name)
    return _listed(
        [
            f"{'both images' if len(names) > 1 else f'the {names[0]} image'} of {_listed(kinds)}"
            for kinds, names in images.items()
            if kinds
        ]
    )


def _lacks(selection: Selection, view_type: ViewType) -> Sequence[tuple[Kind, Place]]:
    """Return the images that a handler needs and a stream of this view type does not carry."""
    kinds: list[Kind] = [kind for kind in KINDS if kind in selection.kinds]
    needed: list[tuple[Kind, Place]] = [(kind, place) for kind in kinds for place in selection.needs(kind)]
    return [(kind, place) for kind, place in needed if place not in _CARRIED[view_type]]


def _name(selection: Selection) -> str:
    decorator = selection.form.decorator
    return f"{decorator} with where" if decorator == "on_record" else decorator


def _cure(selection: Selection, view_type: ViewType) -> str:
    if selection.form.decorator == "on_record":
        lacking = {kind for kind, _ in _lacks(selection, view_type)}
        seen = tuple(kind for kind in KINDS if kind in selection.kinds - lacking)
        return f"leave where out{f', or take only kinds={seen}' if seen else ''}"
    served = [
        name
        for name, form in FORMS.items()
        if not form.gives.keys().isdisjoint(KINDS)
        and not _lacks(selection._replace(form=form, kinds=frozenset(form.gives), where=None), view_type)
    ]
    return f"such a stream serves {_listed(served)}"


def _listed(names: Collection[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
