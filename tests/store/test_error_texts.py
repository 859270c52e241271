"""A row that the database refuses is not quoted by its error."""

import traceback

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tasks.store.session import Ledger, LedgerError, make_engine

VALUES = {"address": "+12095550173", "name": "Zebulon"}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("INSERT INTO once VALUES (:address, :name), (:address, :name)", "once_pkey"),
        ("INSERT INTO once (address, name) VALUES (:address || :name, NULL)", "null value"),
        ("SELECT CAST(CAST(:name AS text) AS json)", "json"),
        ("SELECT CAST(:address || 'x' AS integer)", "integer"),
    ],
)
def test_an_error_of_postgresql_shows_no_value(postgresql_url, statement, said):
    engine = make_engine(postgresql_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE once (address TEXT PRIMARY KEY, name TEXT NOT NULL)"))
        with pytest.raises(DBAPIError) as refused:
            connection.execute(text(statement), VALUES)
    engine.dispose()
    shown = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    assert said in str(refused.value.orig)
    assert "5550173" not in shown
    assert "Zebulon" not in shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2",
        "postgresql://ada:hunter2:x@host/rollcall",
        "postgresql://ada:hun@ter2@host/rollcall",
        "hunter2",
    ],
)
def test_a_password_that_is_not_escaped_is_refused_or_hidden(url):
    try:
        shown = make_engine(url).url.render_as_string(hide_password=True)
    except LedgerError as error:
        shown = str(error)
        assert "%40" in shown
    assert "ter2" not in shown


def test_a_password_in_the_query_is_not_shown():
    with pytest.raises(LedgerError) as refused:
        Ledger("postgresql://127.0.0.1:1/rollcall?user=ada&password=hunter2&connect_timeout=2")
    assert "hunter2" not in str(refused.value)
    assert "127.0.0.1" in str(refused.value)
