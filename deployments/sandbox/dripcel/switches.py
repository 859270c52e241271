"""What the Dripcel documentation leaves open, as switches; the defaults are the likeliest reading."""

import json
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from deployments.sandbox.faults import FaultSettings

HOOK_BODY = """{
  "_id": "{{reply._id}}",
  "Msisdn": "{{reply.Msisdn}}",
  "kind": "{{reply.kind}}",
  "campaign_id": "{{reply.campaign_id}}",
  "UserReference": "{{reply.UserReference}}",
  "Received": "{{reply.Received}}",
  "Message": "{{reply.Message}}"
}"""
"""What a user writes into the console, for example."""

_PLACEHOLDER = re.compile(r"{{\s*([^{}]*?)\s*}}")

Script = Annotated[list[str], Field(min_length=1)] | Literal["never"]


class EmailTemplate(BaseModel):
    """An e-mail template of the account; its `{{ ... }}` are its custom fields."""

    model_config = ConfigDict(extra="forbid")

    name: str
    text: str

    @property
    def has_custom_fields(self) -> bool:
        """Whether the text differs from person to person."""
        return _PLACEHOLDER.search(self.text) is not None


def _known_words(words: dict[str, str]) -> dict[str, str]:
    if unknown := words.keys() - STATES:
        raise ValueError(f"{sorted(unknown)}; the states are {', '.join(sorted(STATES))}")
    return words


def _known_shares(shares: dict[str, float]) -> dict[str, float]:
    _known_words(dict.fromkeys(shares, ""))
    if shares and (min(shares.values()) < 0 or sum(shares.values()) <= 0):
        raise ValueError("shares must not be negative, nor all of them 0")
    return shares


def _json_of_texts(body: str) -> str:
    members = json.loads(body)
    if not (isinstance(members, dict) and all(isinstance(value, str) for value in members.values())):
        raise ValueError("must be a JSON object of texts")
    return body


STATES = frozenset(
    {
        "pending",
        "scheduled",
        "sent",
        "delivered",
        "undelivered",
        "expired",
        "failed",
        "rejected",
        "opted_out",
        "skipped",
        "cancelled",
    }
)
"""What the sandbox's scripts are usually made of; `status_words` says them in other words."""
NOT_RECEIVED = STATES - {"pending", "scheduled", "sent", "delivered"}


class DripcelSettings(FaultSettings):
    """The switches of the Dripcel sandbox.

    Attributes:
        api_key: The key of `Authorization: Bearer <key>`.
        permissions: What the key may do, `all` or a list such as `sendLog` (which includes `sendLog.create`).
        credit: Credits of the organisation; changing it sets the account to it.
        price: Credits per SMS part.
        price_email: Credits per e-mail.
        contacts: Who is a contact: `all`, or those in `listed_contacts` and those made through `/contacts`.
        listed_contacts: Numbers in E.164 form and e-mail addresses.
        opted_out_numbers: Numbers in E.164 form and e-mail addresses that want no messages at all.
        campaigns: The account's campaigns: `_id` to name.
        email_templates: The account's e-mail templates by `_id`.
        non_contact: A non-contact with `skipNonContacts: true`: 200, cost 0 and a record `skipped`; or refused.
        opted_out: A cell that opted out: 200, cost 0 and a record `opted_out`; refused; or sent all the same.
        test_mode: Effect of `testMode`: costs nothing and is recorded; no record either; ignored.
        template_non_contact: A template in `content` to a non-contact: refused, or sent as it is written.
        no_credit: HTTP status when a send cannot be paid for.
        rate_per_minute: Requests above which the answer is 429.
        rate_window: Counted per minute of the wall clock, or in the 60 s before each request.
        resets_at: Unit of `resetsAt` in a 429.
        retry_after: Whether a 429 carries `Retry-After`.
        error_shape: Shape of `error`: as documented for each error, or one shape everywhere.
        soft_errors: Whether refusals other than 401, 403 and 429 come as 200 with `ok: false`.
        status_words: From the states of the scripts to the words on the wire.
        delivery_script: The states of a message, one per poll that shows it; `never` stays at `pending`.
        delivery_scripts: The same for single numbers (E.164 form).
        outcomes: Shares of last states, in place of the last state of `delivery_script`: `{"delivered": 0.9,
            "undelivered": 0.1}`. Which message gets which depends on its number and text alone.
        delivery_steps: Whether a message goes through its states by polls that show it, or by its age.
        delivery_step_seconds: How long each state but the last one lasts, when by age.
        hook_url: Who is told of replies to sends with a `campaign_id`; nobody when None.
        hook_method: `GET` has the body as a query ("Encode Into URL").
        hook_body: JSON object of texts with `{{contact. }}`, `{{campaign. }}`, `{{reply. }}`, `{{send. }}`.
        hook_quoting: Whether what is put in for a template of a JSON body is escaped.
        hook_header: Spelling of the header that all attempts of one hook share.
        hook_retries: Attempts after the first; the documentation allows three.
        hook_timeout_seconds: How long an answer is waited for.
        hook_retry_seconds: The pause before the first retry.
        sms_send_log: Whether an SMS makes a send log; `on` means when it has a `campaign_id`.
        email_send_log: Whether a bulk e-mail makes one.
        deliveries_page: All rows of `/deliveries` at once, or so many, with `pagination`.
        pagination_keys: Spelling of the members of `pagination`.
        reply_precedence: What a reply with words of both kinds is.
        reply_match: Whether the words of a reply are looked for as whole words or anywhere.
        email_non_contact: What a bulk e-mail without `filter_non_contacts` means.
        compliance_cells: Name of the list of numbers in the body of `/compliance/send`.
        valid_contacts_key: Name of the count in the answer of `/contacts`.
    """

    api_key: str = "sandbox-dripcel-key"
    permissions: Literal["all"] | list[str] = "all"
    credit: float = Field(default=1_000_000.0, ge=0)
    price: float = Field(default=0.25, ge=0)
    price_email: float = Field(default=0.05, ge=0)
    contacts: Literal["all", "listed"] = "all"
    listed_contacts: set[str] = Field(default_factory=set)
    opted_out_numbers: set[str] = Field(default_factory=set)
    campaigns: dict[str, str] = Field(
        default_factory=lambda: {
            "000000000000000000000c01": "Spring sale",
            "000000000000000000000c02": "Delivery notices",
        }
    )
    email_templates: dict[str, EmailTemplate] = Field(
        default_factory=lambda: {
            "000000000000000000000e01": EmailTemplate(name="Newsletter", text="Our news of this month."),
            "000000000000000000000e02": EmailTemplate(name="Personal", text="Hi {{firstname}}, here is our news."),
        }
    )
    non_contact: Literal["ok_zero_cost", "error_400"] = "ok_zero_cost"
    opted_out: Literal["ok_record", "error_400", "sent_anyway"] = "ok_record"
    test_mode: Literal["free_record", "no_record", "ignored"] = "free_record"
    template_non_contact: Literal["error_400", "send_literal"] = "error_400"
    no_credit: Literal["http_402", "http_400"] = "http_402"
    rate_per_minute: int = Field(default=50, ge=1)
    rate_window: Literal["fixed", "sliding"] = "fixed"
    resets_at: Literal["seconds", "milliseconds", "absent"] = "seconds"
    retry_after: Literal["off", "on"] = "off"
    error_shape: Literal["documented", "string", "object", "array"] = "documented"
    soft_errors: Literal["off", "on"] = "off"
    status_words: Annotated[dict[str, str], AfterValidator(_known_words)] = Field(default_factory=dict)
    delivery_script: Script = Field(default_factory=lambda: ["pending", "sent", "delivered"])
    delivery_scripts: dict[str, Script] = Field(default_factory=dict)
    outcomes: Annotated[dict[str, float], AfterValidator(_known_shares)] = Field(default_factory=dict)
    delivery_steps: Literal["by_poll", "by_time"] = "by_poll"
    delivery_step_seconds: float = Field(default=1.0, gt=0)
    hook_url: str | None = None
    hook_method: Literal["GET", "POST"] = "POST"
    hook_body: Annotated[str, AfterValidator(_json_of_texts)] = HOOK_BODY
    hook_quoting: Literal["escaped", "raw"] = "escaped"
    hook_header: Literal["dripcel-idempotency-key", "dripcel-idemptotency-key"] = "dripcel-idempotency-key"
    hook_retries: int = Field(default=3, ge=0, le=3)
    hook_timeout_seconds: float = Field(default=10.0, gt=0)
    hook_retry_seconds: float = Field(default=1.0, ge=0)
    sms_send_log: Literal["on", "off"] = "on"
    email_send_log: Literal["on", "off"] = "off"
    deliveries_page: Literal["all"] | Annotated[int, Field(ge=1)] = "all"
    pagination_keys: Literal["camel_case", "snake_case"] = "camel_case"
    reply_precedence: Literal["optOut", "optIn"] = "optOut"
    reply_match: Literal["word", "substring"] = "word"
    email_non_contact: Literal["absent_is_false", "absent_is_true"] = "absent_is_false"
    compliance_cells: Literal["cells", "cell"] = "cells"
    valid_contacts_key: Literal["validContacts", "validContact"] = "validContacts"
