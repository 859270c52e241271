"""What the Bird documentation leaves open, as switches; the defaults are the likeliest reading."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from deployments.sandbox.bird.fate import parse_script, script_to
from deployments.sandbox.faults import FaultSettings

IN_ORDER = "in_order"
_WAY = re.compile(rf"{IN_ORDER}|duplicate|reorder|late:\d+(\.\d+)?|lost|bad_signature")
_ROUNDING = 1e-9


def _known_words(script: list[str]) -> list[str]:
    parse_script(script)
    return script


def _known_outcomes(shares: dict[str, float]) -> dict[str, float]:
    for word in shares:
        parse_script(script_to(word))
    return _fitting(shares)


def _known_ways(ways: str | dict[str, float]) -> str | dict[str, float]:
    for word in [ways] if isinstance(ways, str) else ways:
        if _WAY.fullmatch(word) is None:
            raise ValueError(f"{word!r}; allowed: {IN_ORDER}, duplicate, reorder, late:<s>, lost, bad_signature")
    return ways if isinstance(ways, str) else _fitting(ways)


def _fitting(shares: dict[str, float]) -> dict[str, float]:
    if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1 + _ROUNDING:
        raise ValueError("shares are from 0 to 1 and add up to no more than 1")
    return shares


Script = Annotated[list[str], Field(min_length=1), AfterValidator(_known_words)]


class BirdSettings(FaultSettings):
    """The switches of the Bird sandbox.

    Attributes:
        access_key: The key of `Authorization: AccessKey <key>`.
        workspace_id: The only workspace; any UUID when None.
        channel_id: The only channel; any UUID when None.
        credit: Money on the account, not limited when None; changing it sets the account to it.
        price: Cost of one SMS part.
        rate_get: Reading requests per second and workspace, above which the answer is 429.
        rate_post: The same for the others.
        retry_after: Whether a 429 carries `Retry-After`.
        validate: Where checks beyond the shape of a request happen: `shape_422` answers 202 and rejects later,
            `sync_422` refuses at once, `rejected_in_202` answers 202 with a message that is rejected already.
        suppressed_numbers: Numbers that opted out; replies change them.
        suppressed: What becomes of them: the `failure.code` of a rejection, `delivery_failed`, or `sent_anyway`.
        no_credit: Without credit: rejected after the 202, or refused with 402.
        same_reference: A repeated `reference` is accepted, or refused with 409.
        filter_reference: Whether lists can be filtered by `reference`.
        big_limit: `limit` over 100 in lists: accepted to 1000, taken as 100, or refused.
        list_lag: Seconds until a message appears in lists.
        batch_key: Name of the batch id in the answer of a batch.
        delivery_script: What a message goes through, one word per step; `word:code` sets the `failure.code`.
        delivery_scripts: The same for single numbers.
        delivery_step_seconds: How long each step lasts.
        outcomes: Share of the messages that end in a word (`delivery_failed:15001`), after what comes before it;
            for numbers without a script of their own. What the shares leave over goes through `delivery_script`.
        webhooks: How callbacks go: `in_order` (once, signed), `duplicate`, `reorder` (after the message's last
            one), `late:<seconds>`, `lost`, `bad_signature` (and, as from anybody else, not tried again); or the
            share of the callbacks that go each way.
        before_response: Share of the messages that are called back about before the sender has its 202.
        retry_hours: How long a callback that nobody took is tried again.
        retry_seconds: The first pause between two attempts; doubled after each.
        allow_local_urls: Whether a subscription may name plain http, a port, this machine.
        quiet_hours: Whether marketing messages wait as `processing` until 08:00 of the number's own time.
    """

    access_key: str = "sandbox-bird-key"
    workspace_id: str | None = None
    channel_id: str | None = None
    credit: float | None = Field(default=None, ge=0)
    price: float = Field(default=0.01, ge=0)
    rate_get: int = Field(default=50, ge=1)
    rate_post: int = Field(default=500, ge=1)
    retry_after: Literal["off", "on"] = "off"
    validate_: Literal["shape_422", "sync_422", "rejected_in_202"] = Field(default="shape_422", alias="validate")
    suppressed_numbers: set[str] = Field(default_factory=set)
    suppressed: Annotated[int, Field(ge=10000, le=99999)] | Literal["delivery_failed", "sent_anyway"] = 14999
    no_credit: Literal["rejected", "http_402"] = "rejected"
    same_reference: Literal["accept", "http_409"] = "accept"
    filter_reference: Literal["ignored", "works"] = "ignored"
    big_limit: Literal["accept", "cap_100", "error_422"] = "accept"
    list_lag: float = Field(default=0, ge=0)
    batch_key: Literal["id", "batchId"] = "id"
    delivery_script: Script = Field(default_factory=lambda: ["accepted", "processing", "sent", "delivered"])
    delivery_scripts: dict[str, Script] = Field(default_factory=dict)
    delivery_step_seconds: float = Field(default=1.0, ge=0)
    outcomes: Annotated[dict[str, float], AfterValidator(_known_outcomes)] = Field(default_factory=dict)
    webhooks: Annotated[str | dict[str, float], AfterValidator(_known_ways)] = IN_ORDER
    before_response: float = Field(default=0, ge=0, le=1)
    retry_hours: float = Field(default=8, ge=0)
    retry_seconds: float = Field(default=1.0, gt=0)
    allow_local_urls: Literal["on", "off"] = "on"
    quiet_hours: Literal["on", "off"] = "off"
