"""A search index of products: up to 500 writes a request, each with the version of its item."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any, cast

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from pydantic import BaseModel

from ddbevents import Attr, Latest, PartialFailure, Reject, StreamApp, StreamRecord, decode, to_json
from ddbevents.stores import DynamoDBStore


class Product(BaseModel):
    """An item of the table of products, as the index has it."""

    product_id: str
    title: str
    price: Decimal


class Versioned(BaseModel):
    """The version of an item: it rises with every write, also when a removed product comes back."""

    version: int


app = StreamApp("search-mirror", store=DynamoDBStore(os.environ.get("IDEMPOTENCY_TABLE", "handled-events")))
lambda_handler = app

DONE = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.CONFLICT}  # a conflict: the index has a newer state

session = Session()
http = URLLib3Session(timeout=10)


@app.bulk(500).on_latest(Product, where=Attr("listed").eq(True))  # noqa: FBT003  # an operand
def mirror(states: Sequence[Latest[Product]]) -> None:
    """Write the last state of each product into the index, and remove what is gone or no longer listed."""
    outcomes = send("".join(lines_of(state) for state in states))
    failure = PartialFailure()
    for state, outcome in zip(states, outcomes, strict=True):
        if error := error_of(outcome):
            failure.add(state, error)
    if failure:
        raise failure


def lines_of(state: Latest[Product]) -> str:
    """Return the lines of the bulk request for one product."""
    target = {"_id": state.keys["product_id"], "version": version_of(state.record)}
    target["version_type"] = "external_gte"
    if state.item is None:
        return to_json({"delete": target}) + "\n"
    return to_json({"index": target}) + "\n" + to_json(state.item) + "\n"


def version_of(record: StreamRecord) -> int:
    """Return the version of a state, twice its item's: so a removal fits in before the next write."""
    version = 2 * decode(Versioned, record.new_image or record.old_image or {}).version
    return version if record.new_image else version + 1


def send(body: str) -> Sequence[Mapping[str, Mapping[str, Any]]]:
    """Send a bulk request, and return the outcome of each of its actions, in order."""
    url = os.environ["SEARCH_ENDPOINT"] + "/products/_bulk"
    request = AWSRequest("POST", url, {"Content-Type": "application/x-ndjson"}, body.encode())
    credentials = cast("Credentials", session.get_credentials())  # without any, add_auth says so
    SigV4Auth(credentials, "es", os.environ["AWS_REGION"]).add_auth(request)
    response = http.send(request.prepare())
    if response.status_code != HTTPStatus.OK:
        raise ConnectionError(f"the search endpoint answers {response.status_code}")
    outcomes: list[dict[str, dict[str, Any]]] = json.loads(response.content)["items"]
    return outcomes


def error_of(outcome: Mapping[str, Mapping[str, Any]]) -> Exception | None:
    """Return why an action failed; None if the index is now in that state, or in a newer one."""
    [(action, result)] = outcome.items()
    status = result["status"]
    if status in DONE or (action == "delete" and status == HTTPStatus.NOT_FOUND):
        return None
    if status == HTTPStatus.BAD_REQUEST:  # no other attempt will help; the answer's reason quotes the item
        return Reject(f"the index refuses the product: {result['error']['type']}")
    return ConnectionError(f"the index answers {status}")
