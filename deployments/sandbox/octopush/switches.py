"""What the Octopush documentation leaves open, as switches; the defaults are the likeliest reading."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from deployments.sandbox.faults import FaultSettings


def _known_literal(value: str) -> str:
    name, _, code = value.partition(":")
    if value not in {"xxxxx", "both", "off"} and not (name == "code" and code.isdecimal()):
        raise ValueError("allowed: xxxxx, code:<short code>, both, off")
    return value


class OctopushSettings(FaultSettings):
    """The switches of the Octopush sandbox.

    Attributes:
        api_login: The account's e-mail address.
        api_key: The account's key.
        credit: Euros on the account; changing it sets the account to it.
        price_premium: Euros per part of `sms_premium`.
        price_low_cost: Euros per part of `sms_low_cost`.
        opted_out: Numbers on the account's blacklist.
        send_status: HTTP status of an accepted send.
        request_id: `enforced` refuses a repeated one for 24 hours with code 120.
        stop_literal: Which mention counts: `STOP au XXXXX`, the same with one short code, either, or none needed.
        stop_alert: Whether `purpose: alert` needs the mention too.
        default_purpose: What a request without `purpose` is.
        bad_numbers: Left out, or the whole request refused with code 117.
        duplicates: A number twice in one request: one message or two.
        optouts: Opted-out numbers are left out only when the request asks for it, or always.
        long_text: Over 1224 characters: refused with code 102, or cut.
        missing_param: A placeholder without a value disappears, or stays as it is.
        sms_needed: `number_of_sms_needed` of all contacts together, or of one.
        credit_unit: Unit of `residual_credit`.
        list_reuse: A `list_name` that exists is added to, or refused with code 302.
        create_key: Name of the ticket in the answer of the two-phase create.
        computation_seconds: How long a two-phase campaign is being computed.
        not_ready: Its status meanwhile: refused with code 130, or 200 with `under_computation`.
        ready_word: The status afterwards.
        confirm_again: A second confirm: refused with code 132, or answered like the first.
        status_after: The status after the confirm: refused with code 132, or 200 `ready_to_be_sent`.
        rate: Requests per second, above which the answer is 429.
    """

    api_login: str = "sandbox@example.com"
    api_key: str = "sandbox-octopush-key"
    credit: float = Field(default=1_000_000.0, ge=0)
    price_premium: float = Field(default=0.05, gt=0)
    price_low_cost: float = Field(default=0.03, gt=0)
    opted_out: set[str] = Field(default_factory=set)
    send_status: Literal[200, 201] = 200
    request_id: Literal["ignored", "enforced"] = "ignored"
    stop_literal: Annotated[str, AfterValidator(_known_literal)] = "xxxxx"
    stop_alert: Literal["exempt", "required"] = "exempt"
    default_purpose: Literal["alert", "wholesale"] = "alert"
    bad_numbers: Literal["drop", "error_117"] = "drop"
    duplicates: Literal["merge", "keep"] = "merge"
    optouts: Literal["drop_if_asked", "always_drop"] = "drop_if_asked"
    long_text: Literal["error_102", "truncate"] = "error_102"
    missing_param: Literal["empty", "literal"] = "empty"
    sms_needed: Literal["total", "per_contact"] = "total"
    credit_unit: Literal["euro", "sms"] = "euro"
    list_reuse: Literal["append", "error_302"] = "append"
    create_key: Literal["ticket_number", "sms_ticket"] = "ticket_number"
    computation_seconds: float = Field(default=0, ge=0)
    not_ready: Literal["error_130", "under_computation"] = "error_130"
    ready_word: Literal["ready_to_be_sent", "ready_to_be_send"] = "ready_to_be_sent"
    confirm_again: Literal["error_132", "ok"] = "error_132"
    status_after: Literal["error_132", "ready_to_be_sent"] = "error_132"
    rate: Literal["off"] | Annotated[int, Field(ge=1)] = "off"
