"""What the Bird documentation leaves open, as switches; the defaults are the likeliest reading."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from deployments.sandbox.bird.fate import parse_script
from deployments.sandbox.faults import FaultSettings


def _known_words(script: list[str]) -> list[str]:
    parse_script(script)
    return script


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
        suppressed_numbers: Numbers that opted out.
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
