"""Who a campaign is for: the `audience:` part of a campaign file."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from tasks.contacts.column_names import Meaning
from tasks.contacts.countries import require_country_code
from tasks.contacts.file_references import FileReference
from tasks.messaging.strict_model import StrictModel


def _none_as_no_columns(columns: Any) -> Any:
    return {} if columns is None else columns


def _as_boxes(schema: dict[str, Any]) -> None:
    """In a form: folded, with a box for each meaning. An object of unnamed properties would be a box for JSON."""
    named = {
        "type": "object",
        "title": "Columns",
        "properties": {str(meaning): {"type": "string", "title": meaning.in_words} for meaning in Meaning},
        "additionalProperties": schema.pop("additionalProperties"),
    }
    del schema["type"]
    schema |= {"anyOf": [named, {"type": "null"}], "default": None}


class UnknownContacts(StrEnum):
    """What to do with an address that is not in the registry."""

    CREATE = "create"
    """Send, and add the contact to the registry."""
    SKIP = "skip"
    """Exclude it as `not_a_contact`."""


class Audience(StrictModel):
    """The contact file, and how to read it."""

    path: FileReference = Field(
        min_length=1,
        title="Contact file",
        description="CSV, Excel or Parquet; a path or any URL that fsspec opens (https://, s3://...). One with a "
        "password or a signature in it goes into an environment variable: ${ROLLCALL_CONTACTS_URL}.",
    )
    default_country: Annotated[str, AfterValidator(require_country_code)] | None = Field(
        default=None,
        title="Default country",
        description="ISO 3166-1 alpha-2, for example FR: for phone numbers without a country code. Never guessed.",
    )
    columns: Annotated[dict[str, str], BeforeValidator(_none_as_no_columns)] = Field(
        default_factory=dict,
        title="Columns",
        json_schema_extra=_as_boxes,
        description="Only where a header is not recognised: what it means, and the header, as in phone: Cell no.",
    )
    unknown_contacts: UnknownContacts = Field(
        default=UnknownContacts.CREATE,
        title="Unknown contacts",
        description="create: send and add them to the registry; skip: send only to contacts in the registry.",
    )
    seeds: FileReference | None = Field(
        default=None,
        title="Seed file",
        description="A contact file of your own people: they get the message first, and if that fails nobody else "
        "does. Sending hours and the frequency cap do not hold for them.",
    )
    suppressions: FileReference | None = Field(
        default=None,
        title="Suppression file",
        description="A contact file with addresses that must not be contacted; kept in the ledger from then on.",
    )
