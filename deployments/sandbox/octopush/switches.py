"""What the Octopush documentation leaves open, as switches; the defaults are the likeliest reading."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from deployments.sandbox.faults import FaultSettings
from deployments.sandbox.push_connection import destination_of

CallbackWord = Literal["once", "duplicate", "reorder", "before_response", "lost", "final_only"]
Share = Annotated[float, Field(ge=0, le=1)]


def _known_literal(value: str) -> str:
    name, _, code = value.partition(":")
    if value not in {"xxxxx", "both", "off"} and not (name == "code" and code.isdecimal()):
        raise ValueError("allowed: xxxxx, code:<short code>, both, off")
    return value


def _known_url(value: str) -> str:
    destination_of(value)
    return value


def _not_more_than_all(
    value: CallbackWord | dict[CallbackWord, float],
) -> CallbackWord | dict[CallbackWord, float]:
    if isinstance(value, dict) and sum(value.values()) > 1:
        raise ValueError("the shares add up to more than 1")
    return value


def _something(value: dict[str, float]) -> dict[str, float]:
    if not sum(value.values()):
        raise ValueError("no outcome has a share")
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
        callback_url: Whom to call about everything, as set in the console; None for nobody. Only campaigns that
            are taken while it is set are told of.
        callbacks: What becomes of a message's callbacks: one word for all messages, or the shares of the messages
            that each word is for; the rest is `once`. `duplicate`: each twice. `reorder`: the last first.
            `before_response`: all of them before the send's own answer. `lost`: none. `final_only`: the last.
        outcomes: Last status of a message, with its weight. A number has the same outcome in every campaign.
        delivery_statuses: Every status of the messages to some numbers, in order, instead.
        callback_delay_seconds: From the sending to the first status, and from one to the next.
        callback_timeout_seconds: An answer that comes later is none; the page demands one in under a second.
        callback_retry: How often a callback is repeated that was not answered by 2xx.
        callback_retry_seconds: Before the first repetition; doubled after each.
        callback_body: JSON, a form, or JSON without what older pages do not have.
        date_zone: Of the dates in callbacks, which do not tell it.
        reply_date_name: The pages disagree about it.
        simulation: A simulated campaign is silent, or told of like any other.
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
    callback_url: Annotated[str, AfterValidator(_known_url)] | None = None
    callbacks: Annotated[CallbackWord | dict[CallbackWord, Share], AfterValidator(_not_more_than_all)] = "once"
    outcomes: Annotated[dict[str, Annotated[float, Field(ge=0)]], AfterValidator(_something)] = Field(
        default_factory=lambda: {
            "DELIVERED": 0.9,
            "NOT_DELIVERED": 0.05,
            "BAD_DESTINATION": 0.03,
            "UNKNOWN_DELIVERY": 0.02,
        }
    )
    delivery_statuses: dict[str, list[str]] = Field(default_factory=dict)
    callback_delay_seconds: float = Field(default=0.2, ge=0)
    callback_timeout_seconds: float = Field(default=1.0, gt=0)
    callback_retry: Literal["none"] | Annotated[int, Field(ge=1)] = "none"
    callback_retry_seconds: float = Field(default=1.0, ge=0)
    callback_body: Literal["json", "form", "old_json"] = "json"
    date_zone: Literal["Europe/Paris", "UTC"] = "Europe/Paris"
    reply_date_name: Literal["reception_date", "answer_date"] = "reception_date"
    simulation: Literal["no_trace", "callbacks"] = "no_trace"
