"""What the indigitall documentation leaves open, as switches; the defaults are the likeliest reading."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from deployments.sandbox.faults import FaultSettings
from deployments.sandbox.indigitall.names import NAMES, REPORT_HEADERS

Seconds = Annotated[float, Field(ge=0)]


class Campaign(BaseModel):
    """A campaign of the console: all that the person reads, but for the values of its custom fields.

    Attributes:
        channel: The call that can send it.
        name: For people.
        text: With `{{name}}` for each custom field. The syntax is ours: no page of the provider shows one.
        sender: Sender of an SMS, at most 11 characters; address of an e-mail.
        enabled: Whether it can be sent.
    """

    model_config = ConfigDict(extra="forbid")

    channel: Literal["sms", "email"]
    name: str
    text: str
    sender: str
    enabled: bool = True


def _campaigns() -> dict[int, Campaign]:
    return {
        101: Campaign(channel="sms", name="Free text", text="{{text}}", sender="Sandbox"),
        102: Campaign(
            channel="sms",
            name="Order",
            text="Hi {{first_name}}, your order {{order}} is on its way.",
            sender="Sandbox",
        ),
        201: Campaign(
            channel="email", name="News", text="Hi {{first_name}}, here is our news.", sender="news@example.com"
        ),
        202: Campaign(channel="email", name="Free text", text="{{text}}", sender="news@example.com"),
    }


def _known_names(names: dict[str, str]) -> dict[str, str]:
    if unknown := names.keys() - NAMES.keys():
        raise ValueError(f"{sorted(unknown)}; the roles are {', '.join(NAMES)}")
    return names


def _known_columns(headers: dict[str, str]) -> dict[str, str]:
    columns = REPORT_HEADERS["english"]
    if unknown := headers.keys() - columns.keys():
        raise ValueError(f"{sorted(unknown)}; the columns are {', '.join(columns)}")
    return headers


def _drawable(outcomes: dict[str, float]) -> dict[str, float]:
    if sum(outcomes.values()) <= 0:
        raise ValueError("none of them has a share above 0")
    return outcomes


class IndigitallSettings(FaultSettings):
    """The switches of the indigitall sandbox. Addresses are E.164 numbers, e-mail addresses, or `external:CODE`.

    Attributes:
        server_key: The key of `Authorization: ServerKey <uuid>`.
        application_id: The project that the key belongs to.
        campaigns: Its campaigns by id.
        audiences: E-mail addresses by the id of their audience, for `blacklist`.
        external_codes: Which codes belong to a contact: `all`, or those that came with a number or address before.
        credit: Money on the account, not limited when None; changing it sets the account to it.
        price: Cost of one SMS part.
        price_email: Cost of one e-mail.
        names: Other names for the roles of `names.NAMES`.
        report_headers: Language of the header words of the console's report, or other words for some of its
            columns (see `names.REPORT_HEADERS`).
        send_answer: A good send: 200 with `data.id`; 201 with it; 200 with `data: null`; with `data.errors` beside
            the id; or the id as `data.sendingId`.
        sending_unit: What is one sending: the request, or each contact.
        campaign_missing: An unknown campaign: 404, 400, or 200 and nothing sent.
        campaign_disabled: A disabled one: 400, or 200 and nothing sent.
        contact_incomplete: A contact that can be neither found nor created: skipped without a word, told in
            `data.errors`, or the request refused.
        contact_errors: Addresses that come back in `data.errors`, with their message.
        empty_after_filter: No contact is left: 200 and a sending with none, or refused.
        extra_fields: Unknown members of the body: ignored, or refused.
        repeat_across: A number that a request before had: sent, or dropped for so many hours.
        custom_missing: A custom field without a value: empty, or refused.
        max_contacts: More contacts are refused.
        past_schedule: A send date in the past: sent now, or refused.
        rate: Requests per second, above which the answer is 429.
        retry_after: Whether a 429 carries `Retry-After`.
        list_lag: Seconds until a sending can be read.
        detail: What the detail of a sending says of its contacts: how many, or who.
        unsubscribe: Effect of a contact's `unsubscriptionUrl`.
        delivery_script: The status in the console's report; `REJECTD:reason` adds an error description. Drawn from
            `outcomes` when None.
        delivery_scripts: The same for single addresses.
        outcomes: Shares by such a word: `{"DELIVRD": 0.9, "UNDELIV": 0.1}`. A contact of a campaign always has the
            same one.
        delivery_seconds: How long an SMS is `ENROUTE` before that.
    """

    server_key: str = "00000000-0000-4000-8000-0000000000d1"
    application_id: int = 1001
    campaigns: dict[int, Campaign] = Field(default_factory=_campaigns)
    audiences: dict[int, set[str]] = Field(default_factory=dict)
    external_codes: Literal["all", "registered"] = "all"
    credit: float | None = Field(default=None, ge=0)
    price: float = Field(default=0.05, ge=0)
    price_email: float = Field(default=0.001, ge=0)
    names: Annotated[dict[str, str], AfterValidator(_known_names)] = Field(default_factory=dict)
    report_headers: Literal["english", "spanish"] | Annotated[dict[str, str], AfterValidator(_known_columns)] = (
        "english"
    )
    send_answer: Literal["200", "201", "data_null", "data_errors", "data_sendingId"] = "200"
    sending_unit: Literal["request", "contact"] = "request"
    campaign_missing: Literal["http_404", "http_400", "nothing_sent"] = "http_404"
    campaign_disabled: Literal["http_400", "nothing_sent"] = "http_400"
    contact_incomplete: Literal["skip", "errors_entry", "error_400"] = "skip"
    contact_errors: dict[str, str] = Field(default_factory=dict)
    empty_after_filter: Literal["ok_empty", "error_400"] = "ok_empty"
    extra_fields: Literal["ignore", "error_400"] = "ignore"
    repeat_across: Literal["send"] | Annotated[float, Field(gt=0)] = "send"
    custom_missing: Literal["empty", "error_400"] = "empty"
    max_contacts: int | None = Field(default=None, ge=1)
    past_schedule: Literal["now", "error_400"] = "now"
    rate: Literal["off"] | Annotated[int, Field(ge=1)] = "off"
    retry_after: Literal["off", "on"] = "off"
    list_lag: Literal["never"] | Seconds = 0.0
    detail: Literal["counts", "contacts"] = "counts"
    unsubscribe: Literal["disables", "no_effect"] = "disables"
    delivery_script: str | None = None
    delivery_scripts: dict[str, str] = Field(default_factory=dict)
    outcomes: Annotated[dict[str, Annotated[float, Field(ge=0)]], AfterValidator(_drawable)] = Field(
        default_factory=lambda: {"DELIVRD": 1.0}
    )
    delivery_seconds: Seconds = 0.0

    def name(self, role: str) -> str:
        """The name on the wire of a role of `names.NAMES`."""
        return self.names.get(role, NAMES[role])

    def report_header_row(self) -> list[str]:
        """The header words of the console's report, in the order of its columns."""
        if isinstance(self.report_headers, str):
            return list(REPORT_HEADERS[self.report_headers].values())
        return list((REPORT_HEADERS["english"] | self.report_headers).values())
