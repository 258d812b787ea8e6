"""Whether the idempotency table is there, and as the store needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .._needs import Needs, variables_with
from ._findings import Finding, error
from ._live import AwsJson, Live

_ID: Final = "id"
_EXPIRATION: Final = "expiration"


def check_table(needs: Needs, live: Live) -> Iterator[Finding]:
    """Yield what is wrong with the idempotency table."""
    if needs.table is None:
        return
    name = name_there(needs, live)
    if name is None:
        variable = variables_with(needs.table)[0]
        yield error(
            "table-not-in-environment",
            f"the app takes the name of its idempotency table from the environment variable {variable},"
            " which the function does not have",
            f"set {variable} in the function's environment to the name of the table",
        )
        return
    table = live.table(name)
    if table is None:
        yield error(
            "table-missing",
            f"there is no idempotency table {name} in the function's account and region",
            "create it with the partition key id (S) and time to live on expiration",
        )
        return
    yield from _shape(name, table)
    if _is_strongly_consistent(table):
        return  # such a table has no time to live, and to set one is no cure
    setting = live.time_to_live(name)
    is_on = setting.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}
    if not is_on or setting.get("AttributeName") != _EXPIRATION:
        yield error(
            "table-ttl",
            f"the idempotency table {name} has no time to live on {_EXPIRATION}, so it grows for ever",
            f"enable time to live on the attribute {_EXPIRATION}",
        )


def name_there(needs: Needs, live: Live) -> str | None:
    """Return the idempotency table's name as the function has it; None if it has none."""
    if needs.table is None:
        return None
    variables = variables_with(needs.table)
    names = [live.variables[each] for each in variables if each in live.variables]
    return next(iter(names), None if variables else needs.table)


def _shape(name: str, table: AwsJson) -> Iterator[Finding]:
    key = [(each["AttributeName"], each["KeyType"]) for each in table["KeySchema"]]
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    if key != [(_ID, "HASH")] or types.get(_ID) != "S":
        yield error(
            "table-key",
            f"the idempotency table {name} has another key than the partition key {_ID} of type S alone",
            "create another table with that key, and name it in the function's environment",
        )
    if _is_strongly_consistent(table):
        yield error(
            "table-global",
            f"the idempotency table {name} is a strongly consistent global table, which has neither"
            " transactions nor time to live",
            "use a table of one Region, or a global table that is eventually consistent",
        )


def _is_strongly_consistent(table: AwsJson) -> bool:
    return table.get("MultiRegionConsistency") == "STRONG"
