"""What only Octopush's adapter has: requests that the caller shaped wrongly."""

import httpx
import pytest

from tasks.messaging.content import Content
from tasks.providers.base import Batch, OutboundMessage
from tasks.providers.octopush.adapter import Octopush

pytestmark = pytest.mark.anyio


def refuse(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"{request} was sent")


def build() -> Octopush:
    return Octopush(
        Octopush.Credentials.model_validate({"api_login": "me@example.com", "api_key": "octopush-key"}),
        Content.model_validate({"channel": "sms", "purpose": "transactional", "text": "Hello"}),
        Octopush.Options(),
        transport=httpx.MockTransport(refuse),
    )


async def test_a_list_name_that_octopush_would_cut_is_a_mistake_of_the_caller() -> None:
    async with build() as octopush:
        with pytest.raises(ValueError, match="longer than 30"):
            await octopush.send([OutboundMessage("m-1", "+4917139200001")], Batch("x" * 31, "Hello"))


async def test_a_placeholder_that_octopush_does_not_have_is_a_mistake_of_the_caller() -> None:
    message = OutboundMessage("m-1", "+4917139200001", placeholder_values={"city": "Paris"})
    async with build() as octopush:
        with pytest.raises(ValueError, match="no placeholder"):
            await octopush.send([message], Batch("run7-1", "Hello"))
