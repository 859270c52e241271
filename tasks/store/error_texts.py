"""Errors of the database without the values they are about: addresses and names, in an error that gets logged."""

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from tasks.contacts.masking import mask_text


def hide_values(engine: Engine) -> None:
    """Take the values out of every error of this engine.

    SQLAlchemy's `hide_parameters` hides those of the statement. PostgreSQL adds some of its own: the key that is
    there already, the row that fails a condition, the line of a COPY.
    """
    event.listen(engine, "handle_error", _without_values)


def _without_values(context: ExceptionContext) -> None:
    error, wrapped = context.original_exception, context.sqlalchemy_exception
    if isinstance(error, psycopg.Error) and isinstance(wrapped, DBAPIError):
        before = str(error)
        without_values(error)
        # SQLAlchemy has made its text already.
        wrapped.args = tuple(str(part).replace(before, str(error)) for part in wrapped.args)


def without_values(error: psycopg.Error) -> None:
    """Leave of an error's text only PostgreSQL's first line, which names tables, columns and constraints.

    A value that has the wrong syntax is quoted there, too.
    """
    if error.diag.message_primary is not None:  # else it is the driver's own: it tells no values
        error.args = (mask_text(error.diag.message_primary),)
