"""Bringing a file here, wherever it is."""

import hashlib
import os
import re
import stat
import tempfile
from contextlib import ExitStack
from typing import IO
from urllib.parse import urlsplit

import fsspec

from tasks.contacts.file_references import REFERENCE, check_file_reference
from tasks.datasets.errors import DatasetError

_CHUNK_BYTES = 1 << 20
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)")
_MOST_FETCHED_BYTES = 32 << 30
"""A list of all phones on earth. A server that never stops sending must not fill the disk."""
_KINDS = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}


def describe_location(path: str) -> str:
    """A path for messages: no user, password or signature of a URL in it; references to variables as they are."""
    return "::".join(map(_describe_link, path.split("::")))


def _describe_link(link: str) -> str:
    if "://" not in link:
        return link
    try:
        parts = urlsplit(link)
    except ValueError:  # a bracket that is not closed: nothing in it can be told from anything else
        return f"{link.partition('://')[0]}://..."
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def bring_here(path: str, stack: ExitStack) -> str:
    """A local file with the contents of `path`; a temporary copy of a remote one, removed when `stack` closes.

    `${ROLLCALL_...}` in it is replaced by the environment variable here and nowhere else, so that what it stands
    for is never stored or shown. An error about such a file tells neither what it stands for nor what caused it:
    other libraries quote the whole address.

    Raises:
        DatasetError: There is no such file, it may not be read, or it could not be fetched; or a variable is not
            set, or may not be referred to.
    """
    described = describe_location(path)
    expanded = _expand(path)
    if "://" not in expanded and "::" not in expanded:
        return _check_local(os.path.expanduser(expanded), described)  # noqa: PTH111 - stays the text that the user wrote
    if expanded.startswith("file://"):
        return _check_local(expanded.removeprefix("file://"), described)
    copy = stack.enter_context(tempfile.NamedTemporaryFile(prefix="rollcall-", suffix=_suffix_of(expanded)))  # noqa: SIM115 - in the stack
    if problem := _fetch(expanded, copy):
        raise DatasetError(f"{described} {problem}")
    return copy.name


def _expand(path: str) -> str:
    names = REFERENCE.findall(path)
    if not names:
        return path
    try:
        # Also where it did not come through a campaign file, which was checked when it was read.
        check_file_reference("".join(f"${{{name}}}" for name in names))
    except ValueError as error:
        raise DatasetError(str(error)) from None
    if unset := [name for name in names if not os.environ.get(name)]:
        raise DatasetError(
            f"{describe_location(path)} cannot be opened: the environment variable {unset[0]} is not set where "
            "this runs"
        )
    return REFERENCE.sub(lambda found: os.environ[found.group(1)].strip(), path)


def _suffix_of(url: str) -> str:
    """`.csv.gz` of an address that ends so: by it, compression is recognised."""
    try:
        name = urlsplit(url).path.rpartition("/")[2]
    except ValueError:
        return ""
    return "".join(name.partition(".")[1:])


def _fetch(url: str, copy: IO[bytes]) -> str | None:
    """Copy a remote file; returns what went wrong.

    Returned, not raised: fsspec's exceptions quote the address, and would stay with one that is raised for them.
    """
    try:
        with fsspec.open(url, "rb") as remote:
            copied_bytes = 0
            while chunk := remote.read(_CHUNK_BYTES):
                copied_bytes += len(chunk)
                if copied_bytes > _MOST_FETCHED_BYTES:
                    return f"has more than {_MOST_FETCHED_BYTES >> 30} GB: divide the list, or fetch it yourself"
                copy.write(chunk)
        copy.flush()
    except FileNotFoundError:
        return "does not exist"
    except (ImportError, ValueError):
        scheme = _SCHEME.match(url)
        what = f"'{scheme.group()}://' files" if scheme else "such files"
        return f"cannot be opened: fsspec knows no {what}, or needs another package for them"
    except Exception as error:  # noqa: BLE001  # every kind of storage has its own
        return f"could not be fetched ({type(error).__name__}): check the address and the access rights"
    return None


def _check_local(path: str, described: str) -> str:
    try:
        _refuse_no_file(os.stat(path).st_mode, described)  # noqa: PTH116 - stays the text that the user wrote
        with open(path, "rb") as file:  # noqa: PTH123 - the same
            is_empty = not file.read(1)
    except FileNotFoundError:
        raise DatasetError(
            f"{described} does not exist: check the path, it is relative to where the command runs"
        ) from None
    except (OSError, ValueError):
        raise DatasetError(f"{described} cannot be read: check its permissions") from None
    if is_empty:
        raise DatasetError(f"{described} is empty: it has not even a header")
    return path


def _refuse_no_file(mode: int, described: str) -> None:
    """A list is read more than once, and opening a pipe that nobody writes to never returns."""
    if stat.S_ISDIR(mode):
        raise DatasetError(f"{described} is a directory: name a file in it")
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "special file")
        raise DatasetError(f"{described} is a {kind}, which can be read once at most: save the list as a file")


def sha256_of(path: str) -> str:
    """Of the file's bytes as they lie on disk."""
    with open(path, "rb") as file:  # noqa: PTH123 - a plain local file
        return hashlib.file_digest(file, "sha256").hexdigest()
