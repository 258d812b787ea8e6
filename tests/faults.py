"""Faults on purpose: a process that dies, a lost answer, throttling, and interleaved copies of a batch.

A *point* is a moment at which something can go wrong: each request that a process sends to DynamoDB, and the
begin and the end of each handler. A *schedule* says which faults happen at which points, and in which order
two processes pass their points. Replaying it gives the same run.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from random import Random
from typing import Any, Final, NamedTuple, TypeAlias

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError

from ddbevents import StreamApp
from tests.campaigns import size
from tests.stream import Json

RETRIES: Final = 3

SCHEDULES: Final = size(short=10, full=100, long=1_000)
"""How many schedules a campaign tries, unless it has fewer."""

_process: ContextVar[Process | None] = ContextVar("_process", default=None)


class Fault(StrEnum):
    """A fault at a point."""

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    ANSWER_LOST = "answer lost"
    THROTTLED = "throttled"


REQUEST_FAULTS: Final = tuple(Fault)
HANDLER_FAULTS: Final = (Fault.KILLED_BEFORE,)  # at the begin and at the end
Faults: TypeAlias = Mapping[int, Fault]
"""Faults by the number of the point in a process, from 0."""


class KilledError(BaseException):
    """The process is dead: none of its code takes effect any more."""


class Process:
    """One execution of an app, from Lambda's invocation to its answer or its death.

    Attributes:
        points: The points that it passed: the operation of a request, `begin` or `end`.
    """

    def __init__(self, faults: Faults = {}, pause: Callable[[], None] = lambda: None) -> None:  # noqa: B006  # read only
        self.points: list[str] = []
        self._faults = faults
        self._pause = pause
        self._is_dead = False

    def pass_point(self, kind: str) -> Fault | None:
        """Wait for this process's turn, then pass the point or die there; return another fault, if any."""
        if self._is_dead:
            raise KilledError
        self._pause()
        fault = self._faults.get(len(self.points))
        self.points.append(kind)
        if fault is Fault.KILLED_BEFORE:
            self.die()
        return fault

    def die(self) -> None:
        """Let no request out from now on."""
        self._is_dead = True
        raise KilledError

    @contextmanager
    def handling(self, _: object) -> Generator[None]:
        """Make points of a handler's begin and end, as middleware."""
        self.pass_point("begin")
        yield
        self.pass_point("end")

    def run(self, app: StreamApp, event: Json) -> Json | None:
        """Return the answer that Lambda gets, or None after an error or a death."""
        token = _process.set(self)
        try:
            return {**app(json.loads(json.dumps(event)))}
        except (KilledError, Exception):  # noqa: BLE001  # as Lambda does
            return None
        finally:
            _process.reset(token)


class FaultySession:
    """botocore's HTTP session, with the faults of the sending process."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def send(self, request: Any) -> AWSResponse:
        process = _process.get()
        if process is None:
            return self._session.send(request)  # type: ignore[no-any-return]  # botocore's, without types
        operation = request.headers["X-Amz-Target"].decode().partition(".")[2]
        fault = process.pass_point(operation)
        if fault is Fault.THROTTLED:
            return _throttled(request.url)
        response = self._session.send(request)
        if fault is Fault.KILLED_AFTER:
            process.die()
        if fault is Fault.ANSWER_LOST:
            raise ConnectionClosedError(endpoint_url=request.url)
        return response  # type: ignore[no-any-return]  # botocore's, without types


def make_faulty(client: Any) -> None:
    """Make a client's requests points of the process that sends them."""
    endpoint = client._endpoint  # noqa: SLF001  # below botocore's own retries, so that each of them is a point
    endpoint.http_session = FaultySession(endpoint.http_session)


class Delivery(NamedTuple):
    """The delivery of a batch by Lambda, with retries.

    Attributes:
        discarded: The identifiers of records that Lambda gave up.
        processes: The processes, in order.
    """

    discarded: Sequence[str]
    processes: Sequence[Process]


def deliver(
    make_app: Callable[[Process], StreamApp],
    event: Json,
    plans: Sequence[Faults] = (),
    retries: int = RETRIES,
) -> Delivery:
    """Deliver a batch as Lambda does, until it is finished or its retries are used up.

    After a partial success, the rest is delivered with new retries. The first deliveries have the faults of
    one plan each, the others have none.
    """
    records, processes, left = event["Records"], list[Process](), retries
    while records:
        process = Process(plans[len(processes)] if len(processes) < len(plans) else {})
        processes.append(process)
        rest = _rest(process.run(make_app(process), {"Records": records}), records)
        left = retries if len(rest) < len(records) else left - 1
        records = rest
        if left < 0:
            break
    return Delivery([record["dynamodb"]["SequenceNumber"] for record in records], processes)


def _rest(answer: Json | None, records: Sequence[Json]) -> Sequence[Json]:
    if answer is None:
        return records
    [*named] = (failure["itemIdentifier"] for failure in answer["batchItemFailures"])
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    return records[min(map(numbers.index, named)) :] if named else []


def single_faults(points: Sequence[str]) -> Iterator[Faults]:
    """Yield each fault that can happen at each point, alone."""
    for number, kind in enumerate(points):
        for fault in HANDLER_FAULTS if kind in {"begin", "end"} else REQUEST_FAULTS:
            yield {number: fault}


def interleave(seed: int, runs: Sequence[Callable[[Process], object]], faults: Sequence[Faults] = ()) -> None:
    """Interleave several processes at their points, in an order that the seed decides."""
    random = Random(seed)  # noqa: S311  # to be repeatable
    threads = [_Copy(run, faults[number] if number < len(faults) else {}) for number, run in enumerate(runs)]
    while running := [thread for thread in threads if not thread.has_ended]:
        random.choice(running).go_on()


def sleep_at(point: int, first: Callable[[Process], object], second: Callable[[Process], object]) -> None:
    """Freeze the first process before one of its points until the second has ended: a zombie."""
    zombie, other = _Copy(first), _Copy(second)
    for _ in range(point + 1):
        zombie.go_on()
    while not other.has_ended:
        other.go_on()
    while not zombie.has_ended:
        zombie.go_on()


class _Copy:
    """A process in a thread that runs to its next point, or to its end, only when it is told to."""

    def __init__(self, run: Callable[[Process], object], faults: Faults = {}) -> None:  # noqa: B006  # read only
        self.has_ended = False
        self._run = run
        self._process = Process(faults, self._pause)
        self._turn, self._arrived = threading.Semaphore(0), threading.Semaphore(0)
        threading.Thread(target=self._work, daemon=True).start()

    def go_on(self) -> None:
        self._turn.release()
        self._arrived.acquire()

    def _pause(self) -> None:
        self._arrived.release()
        self._turn.acquire()

    def _work(self) -> None:
        self._turn.acquire()
        try:
            self._run(self._process)
        finally:
            self.has_ended = True
            self._arrived.release()


def _throttled(url: str) -> AWSResponse:
    body = json.dumps(
        {
            "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "message": "slow down",
        }
    )

    class Raw:
        def stream(self, *_: object, **__: object) -> Iterator[bytes]:
            yield body.encode()

    return AWSResponse(url, 400, HTTPHeaders(), Raw())
