"""Where an export is: a folder, or a prefix in a bucket. Its files are checked before they are read."""

from __future__ import annotations

import posixpath
from base64 import b64encode
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from hashlib import md5
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final, Protocol, TypeVar

from .._aws import check_boto3
from .._errors import ConfigurationError, SourceError, printable
from ._clients import S3Client, make_client
from ._manifest import FILES, SUMMARY, DataFile, Manifest, read_manifest

_CHUNK: Final = 2**20
ReadT = TypeVar("ReadT")


class ExportPlace(Protocol):
    """A place with an export."""

    def manifest(self) -> Manifest:
        """Return the export's manifests.

        Raises:
            SourceError: They cannot be read.
        """
        ...

    def opened(self, file: DataFile) -> AbstractContextManager[IO[bytes]]:
        """Return a context manager that gives the content of a data file, whose MD5 is right.

        Raises:
            SourceError: The file is missing, cannot be read, or is damaged.
        """
        ...


def export_place(location: str | Path, client: S3Client | None) -> ExportPlace:
    """Return the place that a location names.

    Raises:
        ConfigurationError: It is a URL or an ARN that is no place in S3.
    """
    text = str(location)
    if isinstance(location, str) and text.startswith("s3://"):
        bucket, _, prefix = text.removeprefix("s3://").partition("/")
        prefix = prefix.removesuffix(SUMMARY).strip("/")
        if not bucket or not prefix:
            raise ConfigurationError(
                f"{text} names no export: give s3://bucket/prefix/AWSDynamoDB/<export id>"
            )
        if client is None:
            check_boto3("read_export of a bucket")
        return BucketExport(bucket, prefix, client or make_client("s3"))
    if text.startswith("arn:") or "://" in text:
        raise ConfigurationError(
            f"{text} is no place of an export: give a folder, or s3://bucket/prefix/AWSDynamoDB/<export id>"
        )
    path = Path(location)
    return FolderExport(path.parent if path.name == SUMMARY else path)


class FolderExport:
    """An export in a folder, as `aws s3 sync` copies it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def manifest(self) -> Manifest:
        if not Path(self._folder, SUMMARY).is_file():
            raise _no_summary(str(self._folder))
        with _open(self._folder / SUMMARY) as summary, _open(self._folder / FILES) as files:
            return read_manifest(summary.read(), files.read())

    @contextmanager
    def opened(self, file: DataFile) -> Generator[IO[bytes]]:
        name = posixpath.basename(file.key)
        # the incremental exports of a prefix share the folder beside theirs
        paths = [self._folder / "data" / name, self._folder.parent / "data" / name]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise SourceError(f"the data file {paths[0]} is missing: copy the export again", place=file.key)
        with _open(path) as content:
            _check(_digest(_chunks(content)), file)
            content.seek(0)
            yield content


class BucketExport:
    """An export in a bucket. A data file is downloaded into a temporary file, since its MD5 comes first."""

    def __init__(self, bucket: str, prefix: str, client: S3Client) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._client = client
        self._folder = ""

    def manifest(self) -> Manifest:
        from ._requests import ClientError  # noqa: PLC0415  # it loads boto3

        try:
            summary = self._get(f"{self._prefix}/{SUMMARY}", _joined, known={"NoSuchKey"})
        except ClientError as error:
            raise _no_summary(f"s3://{self._bucket}/{self._prefix}") from error
        manifest = read_manifest(summary, self._get(f"{self._prefix}/{FILES}", _joined))
        self._folder = manifest.folder
        return manifest

    @contextmanager
    def opened(self, file: DataFile) -> Generator[IO[bytes]]:
        # relative to the manifests, so that an export can be read where it was copied to
        key = posixpath.normpath(f"{self._prefix}/{posixpath.relpath(file.key, self._folder or '.')}")
        with TemporaryFile() as content:
            _check(self._get(key, lambda chunks: _digest(chunks, content)), file)
            content.seek(0)
            yield content

    def _get(self, key: str, read: Callable[[Iterator[bytes]], ReadT], known: Collection[str] = ()) -> ReadT:
        from ._requests import Place, ask  # noqa: PLC0415  # it loads boto3

        def get() -> ReadT:
            with closing(self._client.get_object(Bucket=self._bucket, Key=key)["Body"]) as body:
                return read(body.iter_chunks(_CHUNK))

        name = f"the object s3://{self._bucket}/{printable(key, longest=1024)}"
        return ask(get, Place(name, "S3", "s3:GetObject"), known=known)


def _no_summary(place: str) -> SourceError:
    return SourceError(
        f"{place} has no {SUMMARY}: name the folder of one export, <prefix>/AWSDynamoDB/<export id>; an"
        " export that still runs has none yet",
        place=SUMMARY,
    )


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}", place=path.name) from error


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: content.read(_CHUNK), b"")


def _joined(chunks: Iterable[bytes]) -> bytes:
    return b"".join(chunks)


def _digest(chunks: Iterable[bytes], copy: IO[bytes] | None = None) -> str:
    """Return the MD5 of a content in base64, as manifests have it."""
    digest = md5(usedforsecurity=False)
    for chunk in chunks:
        digest.update(chunk)
        if copy is not None:
            copy.write(chunk)
    return b64encode(digest.digest()).decode()


def _check(digest: str, file: DataFile) -> None:
    if digest != file.md5:
        raise SourceError(
            f"the data file {file.shown} is damaged: its MD5 is {digest}, and {FILES} says"
            f" {printable(file.md5)}. Copy it again; nothing in it was read",
            place=file.key,
        )
