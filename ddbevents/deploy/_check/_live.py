"""What is deployed, as AWS tells it: the function, its mappings, their streams, and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple, Protocol

from ..._aws import Request, check_boto3
from ..._errors import printable
from .._errors import DeployError

_MISSING: Final = frozenset({"ResourceNotFoundException", "NoSuchEntity"})

AwsJson = Mapping[str, Any]


class Session(Protocol):
    """The method of a `boto3.Session` that `check` calls."""

    @property
    def client(self) -> Request: ...


class Source(NamedTuple):
    """The stream's own table.

    Attributes:
        name: The table's name.
        table: Its description.
    """

    name: str
    table: AwsJson


class Live:
    """The deployment of a function. Each thing is read when it is asked for."""

    def __init__(self, function_name: str, session: Session | None) -> None:
        """Name the function.

        Raises:
            ConfigurationError: boto3 is not installed.
        """
        check_boto3("check")
        if session is None:
            from boto3.session import Session as BotoSession  # noqa: PLC0415  # cold start: loads boto3

            session = BotoSession()
        self.name: Final = function_name
        self._session: Session = session
        self._clients: dict[str, Any] = {}

    @cached_property
    def function(self) -> AwsJson:
        """The function's configuration.

        Raises:
            DeployError: There is no such function, or it cannot be read.
        """
        found = self.ask("lambda", "get_function_configuration", FunctionName=self.name)
        if found is None:
            raise DeployError(
                f"there is no function {printable(self.name)}: check its name, the account and the region"
            )
        return found

    def counts_events(self) -> bool:
        """Return whether boto3 is new enough to tell whether a mapping counts events."""
        mapping = self._client("lambda").meta.service_model.shape_for("EventSourceMappingConfiguration")
        return "MetricsConfig" in mapping.members

    @property
    def variables(self) -> Mapping[str, str]:
        """The function's environment variables."""
        variables: Mapping[str, str] = self.function.get("Environment", {}).get("Variables", {})
        return variables

    @cached_property
    def mappings(self) -> Sequence[AwsJson]:
        """The function's event source mappings."""
        return [*self._mappings(FunctionName=self.name)]

    def mappings_of(self, stream_arn: str) -> Sequence[AwsJson]:
        """Return all mappings of a stream, of any function."""
        return [*self._mappings(EventSourceArn=stream_arn)]

    def table(self, name: str) -> AwsJson | None:
        """Return the description of a table; None if there is none."""
        found = self.ask("dynamodb", "describe_table", TableName=name)
        return None if found is None else found["Table"]

    def time_to_live(self, name: str) -> AwsJson:
        """Return how a table's time to live is set."""
        found = self.ask("dynamodb", "describe_time_to_live", TableName=name) or {}
        described: AwsJson = found.get("TimeToLiveDescription", {})
        return described

    def ask(self, service: str, operation: str, **arguments: Any) -> AwsJson | None:
        """Send a request.

        Returns:
            AWS's answer; None if there is no such thing.

        Raises:
            DeployError: AWS refuses, or does not answer.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # cold start: as above

        try:
            answer: AwsJson = getattr(self._client(service), operation)(**arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _MISSING:
                return None
            raise _refused(service, operation, code) from error
        except (BotoCoreError, ValueError) as error:  # boto3 raises ValueError for a wrong endpoint
            raise DeployError(
                f"{_action(service, operation)} got no answer ({type(error).__name__}): check region,"
                " credentials, endpoint and network"
            ) from error
        return answer

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service)
        return self._clients[service]

    def _mappings(self, **arguments: str) -> Iterator[AwsJson]:
        marker: dict[str, str] = {}
        while True:
            page = self.ask("lambda", "list_event_source_mappings", **arguments, **marker) or {}
            yield from page.get("EventSourceMappings", ())
            if not page.get("NextMarker"):
                return
            marker = {"Marker": page["NextMarker"]}


def _action(service: str, operation: str) -> str:
    return f"{service}:{''.join(map(str.title, operation.split('_')))}"


def _refused(service: str, operation: str, code: str) -> DeployError:
    return DeployError(
        f"AWS refused {_action(service, operation)} ({printable(code)}): allow it to whoever runs the check,"
        " and check the account and the region"
    )
