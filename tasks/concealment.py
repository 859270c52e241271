"""The last line of defence: what leaves a task as an exception shows no secret and no full address.

Prefect writes the text of an exception, and of all those that led to it, into its log, its states and its
database. Whatever `persist_result` says, it also pickles the exception that a flow ends with, attributes and
all, into its result storage.

Errors of this program are made so that they may be shown. Those of libraries, and faults that nobody thought of,
may quote what was being worked on: a cell, a number, a connection string.
"""

import os
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError
from sqlalchemy.exc import StatementError

from tasks.contacts.masking import mask_text

_HIDDEN = "[secret]"
_SECRET_MIN_CHARS = 6
_CREDENTIAL_NAME = re.compile(r"ROLLCALL_\w*(?:_KEY|_SECRET|_LOGIN|_PASSWORD)")


class ConcealedError(Exception):
    """Stands for an exception whose text could not be changed: its class, and what of its text may be shown."""


def conceal_text(text: str) -> str:
    """The same text without the secrets of this process's environment and without full addresses."""
    for secret in _secrets():
        text = text.replace(secret, _HIDDEN)
    return mask_text(text)


@contextmanager
def concealed_errors() -> Iterator[None]:
    """Let no exception out that shows a secret or a full address; also a decorator, below Prefect's `@task`.

    An exception keeps its class and its traceback wherever that is possible.
    """
    try:
        yield
    except Exception as error:
        concealed = conceal(error)
        if concealed is error:
            raise
        raise concealed from concealed.__cause__


def conceal(error: BaseException) -> BaseException:
    """An exception of which nothing that Python, Prefect or rich print shows a secret or a full address.

    Returns:
        The same one, changed in place, if that can be done; else another one with its traceback.
    """
    return _conceal(error, set())


def _conceal(error: BaseException, seen: set[int]) -> BaseException:
    if id(error) in seen:
        return error
    seen.add(id(error))
    if error.__cause__ is not None:
        error.__cause__ = _conceal(error.__cause__, seen)
    if error.__context__ is not None:
        error.__context__ = _conceal(error.__context__, seen)
    if isinstance(error, BaseExceptionGroup):
        error = _like(error, error.derive([_conceal(one, seen) for one in error.exceptions]))
    if isinstance(error, ValidationError | StatementError):
        return _like(error, ConcealedError(conceal_text(f"{type(error).__name__}: {_without_values(error)}")))
    if not _is_clean(error):
        _change_in_place(error)
    if not _is_clean(error):
        return _like(error, ConcealedError(conceal_text(f"{type(error).__name__}: {error}")))
    return error


def _change_in_place(error: BaseException) -> None:
    error.args = tuple(map(_conceal_value, error.args))
    for name, value in vars(error).items():
        if isinstance(value, str):
            setattr(error, name, conceal_text(value))
    if isinstance(error, OSError):
        for name in ("filename", "filename2", "strerror"):  # its text is made of these, not of `args`
            setattr(error, name, _conceal_value(getattr(error, name)))
    if hasattr(error, "__notes__"):
        error.__notes__ = [conceal_text(note) for note in error.__notes__]


def _without_values(error: ValidationError | StatementError) -> str:
    """These two carry what was refused, a row's cells or a statement's parameters, and are pickled with it."""
    if isinstance(error, StatementError):
        return str(error.args[0])
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return f"{error.title}: " + "; ".join(
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems
    )


def _like(original: BaseException, other: BaseException) -> BaseException:
    other.__cause__, other.__context__ = original.__cause__, original.__context__
    other.__suppress_context__ = original.__suppress_context__
    return other.with_traceback(original.__traceback__)


def _is_clean(error: BaseException) -> bool:
    shown = "".join([*traceback.format_exception_only(error), repr(error), *_attributes(error)])
    return conceal_text(shown) == shown


def _attributes(error: BaseException) -> Iterator[str]:
    return (value for value in vars(error).values() if isinstance(value, str))


def _conceal_value(value: object) -> object:
    if isinstance(value, str):
        return conceal_text(value)
    shown = repr(value)
    concealed = conceal_text(shown)
    return value if concealed == shown else concealed


def _secrets() -> list[str]:
    """Credentials, and URLs that hold some; the longest first, since one may be part of another."""
    secrets: set[str] = set()
    for name, value in os.environ.items():
        if not name.startswith("ROLLCALL_") or not value:
            continue
        if _CREDENTIAL_NAME.fullmatch(name):
            secrets.add(value)
        elif "://" in value:
            secrets |= _secrets_of_url(value)
    return sorted((secret for secret in secrets if len(secret) >= _SECRET_MIN_CHARS), key=len, reverse=True)


def _secrets_of_url(url: str) -> set[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return {url}
    password = parts.netloc.rpartition("@")[0].partition(":")[2]
    return {secret for part in (password, parts.query) for secret in (part, unquote(part)) if secret}
