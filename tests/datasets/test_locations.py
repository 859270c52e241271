"""Where files are, and what is said of it."""

import traceback

import fsspec
import pytest

from tasks.datasets.errors import DatasetError
from tasks.datasets.locations import describe_location
from tasks.datasets.readers import open_contacts

CONTENT = "phone\n+46701740605\n"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("lists/contacts.csv", "lists/contacts.csv"),
        ("${ROLLCALL_CONTACTS_URL}", "${ROLLCALL_CONTACTS_URL}"),
        ("https://ada:hunter2@files.example.com/c.csv?sig=hunter2#hunter2", "https://files.example.com/c.csv"),
        ("zip://c.csv::https://ada:hunter2@x.example/c.zip?sig=hunter2", "zip://c.csv::https://x.example/c.zip"),
        ("https://ada:hunter2@[x/c.csv", "https://..."),
    ],
)
def test_a_location_is_shown_without_what_opens_it(path, shown):
    assert describe_location(path) == shown


def test_a_reference_stands_for_a_url_or_a_part_of_it_and_is_all_that_is_kept(tmp_path, monkeypatch):
    with fsspec.open("memory://references/contacts.csv", "w") as file:
        file.write(CONTENT)
    (tmp_path / "contacts.csv").write_text(CONTENT, encoding="utf-8")
    monkeypatch.setenv("ROLLCALL_CONTACTS_URL", "memory://references/contacts.csv\n")
    monkeypatch.setenv("ROLLCALL_FOLDER", str(tmp_path))
    for path in ("${ROLLCALL_CONTACTS_URL}", "${ROLLCALL_FOLDER}/contacts.csv"):
        with open_contacts(path) as contacts:
            assert contacts.path == path
            assert [batch.frame["phone"].tolist() for batch in contacts.batches()] == [["+46701740605"]]


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named(monkeypatch, value):
    monkeypatch.delenv("ROLLCALL_CONTACTS_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("ROLLCALL_CONTACTS_URL", value)
    with pytest.raises(DatasetError, match="variable ROLLCALL_CONTACTS_URL is not set"):
        open_contacts("${ROLLCALL_CONTACTS_URL}")


def test_other_variables_are_not_read_whoever_asks(monkeypatch):
    monkeypatch.setenv("ROLLCALL_CALLBACK_SECRET", "hunter2")
    for name in ("ROLLCALL_CALLBACK_SECRET", "HOME"):
        with pytest.raises(DatasetError, match=name) as refused:
            open_contacts(f"memory://{'${' + name + '}'}")
        assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://ada:hunter2@127.0.0.1:1/contacts.csv?sig=hunter2",
        "https://ada:hunter2@[x/contacts.csv",
        "memory://hunter2/contacts.csv",
        "nowhere://hunter2/contacts.csv",
        "nowhere::hunter2",
        "sftp://ada:hunter2@127.0.0.1:1/contacts.csv",
        "file:///hunter2/contacts.csv",
        "/hunter2/contacts.csv",
    ],
)
def test_no_error_about_a_file_tells_what_a_reference_stands_for(monkeypatch, url):
    monkeypatch.setenv("ROLLCALL_CONTACTS_URL", url)
    with pytest.raises(DatasetError) as refused:
        open_contacts("${ROLLCALL_CONTACTS_URL}")
    assert str(refused.value).startswith("${ROLLCALL_CONTACTS_URL} ")
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))
