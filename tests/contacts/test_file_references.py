"""Which names of files may be stored, and which would store a secret."""

import pytest
from pydantic import SecretStr, ValidationError

from tasks.blocks import variable_name
from tasks.contacts.audience import Audience
from tasks.contacts.file_references import check_file_reference
from tasks.providers.registry import PROVIDER_NAMES, load_provider


@pytest.mark.parametrize(
    "text",
    [
        "data/samples/contacts.csv",
        r"C:\lists\contacts.csv",
        "lists/odd @ name; token=yes.csv",
        "s3://bucket/lists/contacts.csv",
        "abfs://container@account.dfs.core.windows.net/contacts.csv",
        "sftp://ada@files.example.com/contacts.csv",
        "github://organisation:repository@main/contacts.csv",
        "https://docs.example.com/sheets/1/export?format=csv&gid=0",
        "zip://contacts.csv::https://files.example.com/lists.zip",
        "${ROLLCALL_CONTACTS_URL}",
        "https://files.example.com/contacts.csv?token=${ROLLCALL_LIST_TOKEN}",
        "sftp://ada:${ROLLCALL_LIST_PHRASE}@files.example.com/contacts.csv",
        "https://[not-an-address/contacts.csv",
    ],
)
def test_a_path_a_plain_url_or_a_reference_may_be_stored(text):
    assert check_file_reference(text) == text


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("https://ada:hunter2@files.example.com/contacts.csv", "a password"),
        ("https://hunter2@files.example.com/contacts.csv", "a user"),
        ("sftp://ada:hunter2@files.example.com/contacts.csv", "a password"),
        ("zip://contacts.csv::https://ada:hunter2@files.example.com/lists.zip", "a password"),
        ("https://b.s3.amazonaws.com/c.csv?X-Amz-Algorithm=AWS4&X-Amz-Signature=hunter2", "`X-Amz-Signature=`"),
        ("https://b.s3.amazonaws.com/c.csv?AWSAccessKeyId=hunter2&Expires=1", "`AWSAccessKeyId=`"),
        ("https://storage.googleapis.com/b/c.csv?X-Goog-Signature=hunter2", "`X-Goog-Signature=`"),
        ("https://a.blob.core.windows.net/c/c.csv?sv=2022-11-02&sig=hunter2%3D", "`sig=`"),
        ("https://b.oss.aliyuncs.com/c.csv?OSSAccessKeyId=hunter2", "`OSSAccessKeyId=`"),
        ("https://files.example.com/c.csv?a=1;TOKEN=hunter2", "`TOKEN=`"),
        ("https://files.example.com/c.csv#access_token=hunter2", "`access_token=`"),
        ("https://files.example.com/c.csv?token=x${ROLLCALL_LIST_TOKEN}hunter2", "`token=`"),
    ],
)
def test_a_url_that_is_a_key_is_refused_with_the_remedy_and_without_the_url(text, held):
    with pytest.raises(ValueError, match=r"write \$\{ROLLCALL_CONTACTS_URL\} here") as refused:
        check_file_reference(text)
    assert held in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["HOME", "AWS_SECRET_ACCESS_KEY", "rollcall_list", "ROLLCALL_", "", "ROLLCALL_A B"]
)
def test_only_variables_of_this_program_are_read(name):
    with pytest.raises(ValueError, match="only those named ROLLCALL_"):
        check_file_reference(f"https://files.example.com/{'${' + name + '}'}")


def test_no_credential_can_be_carried_away_in_the_address_of_a_file():
    names = {"ROLLCALL_DATABASE_URL", "ROLLCALL_CALLBACK_SECRET"}
    for provider in PROVIDER_NAMES:
        for field, about in load_provider(provider).Credentials.model_fields.items():
            if SecretStr in (about.annotation, *getattr(about.annotation, "__args__", ())):
                names.add(variable_name(provider, field))
    assert len(names) > 2 + len(PROVIDER_NAMES)
    for name in names:
        with pytest.raises(ValueError, match="credentials"):
            check_file_reference(f"https://elsewhere.example/{'${' + name + '}'}")


@pytest.mark.parametrize("key", ["path", "suppressions"])
def test_a_campaign_refuses_it_and_the_error_does_not_quote_it(key):
    files = {"path": "contacts.csv"} | {key: "https://ada:hunter2@files.example.com/contacts.csv"}
    with pytest.raises(ValidationError, match="the URL holds a password") as refused:
        Audience.model_validate(files)
    assert "hunter2" not in f"{refused.value!s} {refused.value!r}"
