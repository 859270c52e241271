"""Deliveries as Octopush tells them: one for each of many messages."""

import json
import random

from tests.receiver.receiver_process import SECRET
from tests.receiver.retrying_sender import post


def deliveries(url: str, count: int) -> list[bytes]:
    """So many requests, each about another message."""
    return [
        post(
            f"{url}/callbacks/octopush/{SECRET}",
            json.dumps(
                {
                    "message_id": f"sms_{n:08d}",
                    "number": "+12025550123",
                    "status": "DELIVERED",
                    "delivery_date": "2026-01-05 11:11:45",
                }
            ).encode(),
            "content-type: application/json\r\naccept: */*\r\nuser-agent: octopush\r\n",
        )
        for n in range(count)
    ]


def shuffled_with_repeats(count: int, *, repeated_share: float = 0.1) -> list[int]:
    """The order in which they are sent; always the same one."""
    dice = random.Random(4)  # noqa: S311  # an order is no secret
    order = [*range(count), *dice.sample(range(count), round(count * repeated_share))]
    dice.shuffle(order)
    return order
