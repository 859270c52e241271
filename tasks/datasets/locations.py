"""Bringing a file here, wherever it is."""

import hashlib
import os
import shutil
import tempfile
from contextlib import ExitStack
from urllib.parse import urlsplit

import fsspec

from tasks.datasets.errors import DatasetError

_CHUNK_BYTES = 1 << 20


def describe_location(path: str) -> str:
    """A path for messages: no user, password or signature of a URL in it."""
    if "://" not in path:
        return path
    parts = urlsplit(path)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def bring_here(path: str, stack: ExitStack) -> str:
    """A local file with the contents of `path`; a temporary copy of a remote one, removed when `stack` closes.

    Raises:
        DatasetError: There is no such file, it may not be read, or it could not be fetched.
    """
    described = describe_location(path)
    if "://" not in path and "::" not in path:
        return _check_local(os.path.expanduser(path), described)  # noqa: PTH111 - stays the text that the user wrote
    if path.startswith("file://"):
        return _check_local(path.removeprefix("file://"), described)
    suffix = "".join(part for part in urlsplit(path).path.rpartition("/")[2].partition(".")[1:])
    copy = stack.enter_context(tempfile.NamedTemporaryFile(prefix="rollcall-", suffix=suffix))  # noqa: SIM115 - in the stack
    try:
        with fsspec.open(path, "rb") as remote:
            shutil.copyfileobj(remote, copy, _CHUNK_BYTES)
    except FileNotFoundError as error:
        raise DatasetError(f"{described} does not exist") from error
    except (ImportError, ValueError) as error:
        scheme = path.partition("://")[0]
        raise DatasetError(
            f"{described} cannot be opened: fsspec knows no '{scheme}://' files, or needs another package for them"
        ) from error
    except Exception as error:
        raise DatasetError(
            f"{described} could not be fetched ({type(error).__name__}): check the address and the access rights"
        ) from error
    copy.flush()
    return copy.name


def _check_local(path: str, described: str) -> str:
    if os.path.isdir(path):  # noqa: PTH112 - stays the text that the user wrote
        raise DatasetError(f"{described} is a directory: name a file in it")
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the same
            is_empty = not file.read(1)
    except FileNotFoundError as error:
        raise DatasetError(
            f"{described} does not exist: check the path, it is relative to where the command runs"
        ) from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{described} cannot be read: check its permissions") from error
    if is_empty:
        raise DatasetError(f"{described} is empty: it has not even a header")
    return path


def sha256_of(path: str) -> str:
    """Of the file's bytes as they lie on disk."""
    with open(path, "rb") as file:  # noqa: PTH123 - a plain local file
        return hashlib.file_digest(file, "sha256").hexdigest()
