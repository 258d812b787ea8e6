"""Which records `tail` shows: those that a handler of a model would get, if its condition holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._codec import check_item_model, decode
from ..._conditions import Condition
from ..._errors import ConfigurationError, InvalidItemError, InvalidRecordError
from ..._records import StreamRecord
from ..._routing import FORMS, KINDS, Selection
from .._errors import CommandError


class Wanted:
    """The records that --where and --model let through."""

    def __init__(self, where: Condition | None, model: type | None) -> None:
        """Keep a condition and a model.

        Raises:
            CommandError: The class is no item model.
        """
        if model is not None:
            try:
                check_item_model(model)
            except ConfigurationError as error:
                raise CommandError(f"--model: {error}") from error
        self._model: Any = model
        self._selection = Selection(frozenset(KINDS), None, where, model or dict, FORMS["on_record"])

    def takes(self, record: StreamRecord) -> bool:
        """Return whether a record is wanted.

        Raises:
            CommandError: The stream lacks the image that decides it.
        """
        try:
            return self._selection.takes(record)
        except InvalidRecordError as error:
            raise CommandError(
                f"--where and --model look at items, and a stream of {record.view_type} lacks the image that"
                " they need: give the stream NEW_AND_OLD_IMAGES, or leave the two out"
            ) from error

    def problems(self, record: StreamRecord) -> Iterator[str]:
        """Yield why the model cannot hold an image of a record, if it cannot; values are not told."""
        if self._model is None:
            return
        for place, image in (("old", record.old_image), ("new", record.new_image)):
            if image is not None:
                try:
                    decode(self._model, image)
                except InvalidItemError as error:
                    yield f"the {place} image is no {self._model.__name__}: {error}"
