"""What people do with their phones, told to the sandbox under `/octopush-control/...`."""

import json
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from deployments.sandbox.ledger import Ledger
from deployments.sandbox.provider import json_answer


@dataclass(frozen=True, slots=True)
class PersonsText:
    """A text message that a person sent."""

    number: str
    text: str


async def read_answer(request: Request, *, otherwise: str | None = None) -> PersonsText | Response:
    """Who wrote what: `{"number": "+33...", "text": "..."}`.

    Args:
        request: The request to the sandbox's own page.
        otherwise: The text where the request has none; None when it must have one.

    Returns:
        That, or the answer to a request that does not say it.
    """
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    number = body.get("number") if isinstance(body, dict) else None
    text = body.get("text", otherwise) if isinstance(body, dict) else None
    if isinstance(number, str) and number and isinstance(text, str):
        return PersonsText(number, text)
    return json_answer({"problems": 'must be a JSON object: {"number": "+33...", "text": "..."}'}, 422)


def last_ticket_of(number: str, ledger: Ledger) -> str | None:
    """The ticket of the last message that a person got; None when they never got one."""
    return next(
        (
            recipient.id
            for recipient in reversed(ledger.recipients)
            if recipient.address == number and not recipient.simulated
        ),
        None,
    )
