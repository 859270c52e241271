"""Exceptions as they leave a task."""

import io
import traceback

import cloudpickle
import pytest
from prefect import task
from pydantic import BaseModel
from rich.console import Console
from sqlalchemy import create_engine, text

from tasks.concealment import ConcealedError, conceal_text, concealed_errors
from tasks.providers.errors import RequestRejected

ADDRESS, NAME = "+12095550173", "Zebulonius"
KEY, PASSWORD = "canary-key-93f1", "p@ssword-55"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch):
    monkeypatch.setenv("ROLLCALL_SOME_API_KEY", KEY)
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", "postgresql://ada:p%40ssword-55@127.0.0.1/ledger")


class _Person(BaseModel):
    phone: int


def _raise_of_the_operating_system():
    raise FileNotFoundError(2, f"no such file for {KEY}", f"lists/{ADDRESS}.csv")


def _raise_of_a_model():
    _Person.model_validate({"phone": {"number": ADDRESS}})


def _raise_a_key_error():
    return {}[ADDRESS, KEY]


def _raise_with_a_cause():
    try:
        _raise_of_a_model()
    except ValueError as error:
        raise RequestRejected(f"{ADDRESS} was refused", reason="refused") from error


def _raise_while_handling():
    try:
        _raise_a_key_error()
    except KeyError:
        raise RuntimeError("another one") from None


def _raise_several():
    note = ValueError("with a note")
    note.add_note(f"about {ADDRESS}")
    raise ExceptionGroup("several", [note, KeyError(ADDRESS), ExceptionGroup("inner", [ValueError(PASSWORD)])])


@pytest.mark.parametrize(
    "fault",
    [
        _raise_of_the_operating_system,
        _raise_of_a_model,
        _raise_a_key_error,
        _raise_with_a_cause,
        _raise_while_handling,
        _raise_several,
    ],
)
def test_neither_python_nor_rich_shows_anything_of_it(fault):
    console = Console(file=io.StringIO(), width=300)
    try:
        concealed_errors()(fault)()
    except Exception as error:  # noqa: BLE001  # of every class
        shown = "".join(traceback.format_exception(error)) + repr(error)
        console.print_exception(show_locals=False)
        assert fault.__name__ in shown, "where it happened is still told"
    shown += console.file.getvalue()
    assert "5550173" not in shown
    assert KEY not in shown
    assert "ssword-55" not in shown


def test_it_keeps_its_class_where_that_is_possible():
    with pytest.raises(RequestRejected, match=r"\+1209555•••• was refused") as refused, concealed_errors():
        _raise_with_a_cause()
    assert refused.value.reason == "refused"
    assert isinstance(refused.value.__cause__, ConcealedError)
    with pytest.raises(FileNotFoundError, match="no such file"), concealed_errors():
        _raise_of_the_operating_system()


def test_what_shows_nothing_is_not_touched():
    error = ValueError("12 rows of contacts.csv", 7)
    with pytest.raises(ValueError, match="12 rows") as raised, concealed_errors():
        raise error
    assert raised.value is error
    assert error.args == ("12 rows of contacts.csv", 7)


def test_prefect_sees_the_function_as_it_is():
    @task
    @concealed_errors()
    def add(first: int, second: int = 1) -> int:
        return first + second

    assert add.name == "add"
    assert add.fn(1) == 2


def test_a_text_loses_secrets_in_every_spelling_of_a_url():
    shown = conceal_text(f"{KEY}: p%40ssword-55 is {PASSWORD} of {ADDRESS}")
    assert shown == "[secret]: [secret] is [secret] of +1209555••••"


def test_what_prefect_pickles_of_it_holds_neither_the_parameters_nor_the_input():
    def refused_by_the_database():
        with create_engine("sqlite://").begin() as connection:
            connection.execute(text("SELECT :name FROM nothing"), {"name": NAME})

    def refused_by_a_model():
        _Person.model_validate({"phone": NAME})

    for fault in (refused_by_the_database, refused_by_a_model):
        with pytest.raises(ConcealedError) as refused, concealed_errors():
            fault()
        assert NAME.encode() not in cloudpickle.dumps(refused.value)
        assert NAME not in "".join(traceback.format_exception(refused.value))
