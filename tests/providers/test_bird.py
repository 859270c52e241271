"""What only Bird's adapter has."""

import httpx
import pytest

from tasks.messaging.content import Content
from tasks.providers.base import OutboundMessage
from tasks.providers.bird.adapter import Bird
from tests.providers.cases_bird import CASES

pytestmark = pytest.mark.anyio


async def test_a_text_message_without_a_text_is_a_mistake_of_the_caller() -> None:
    bird = Bird(
        Bird.Credentials(**CASES.credentials),
        Content.model_validate({"channel": "sms", "purpose": "transactional", "text": "Hello"}),
        Bird.Options(),
        transport=httpx.MockTransport(lambda _: httpx.Response(202)),
    )
    async with bird:
        with pytest.raises(ValueError, match="no text"):
            await bird.send([OutboundMessage("m-1", "+12025550101")])


def test_tags_are_lower_cased_and_at_most_ten() -> None:
    tags = [f"Tag{n}" for n in range(10)]
    assert Bird.Options.model_validate({"tags": tags}).model_dump()["tags"] == tuple(tag.lower() for tag in tags)
    with pytest.raises(ValueError, match="at most 10"):
        Bird.Options.model_validate({"tags": [*tags, "one more"]})


@pytest.mark.parametrize("validity", [0, -1])
def test_a_validity_is_positive(validity: int) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        Bird.Options.model_validate({"validity": validity})
