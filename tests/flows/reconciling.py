"""What tests of reconciliation share: callbacks that arrive, time that passes, truth to compare with."""

import time
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select, text, update

from deployments.receiver.server import RunningReceiver
from tasks.store.session import Ledger
from tasks.store.tables import Message
from tests.flows.conftest import Sandbox

WORKSPACE = "00000000-0000-4000-8000-0000000000a1"
SIGNING_KEY = "sandbox-signing-key"

OURS = {
    "octopush": {
        "DELIVERED": "delivered",
        "NOT_DELIVERED": "undelivered",
        "BLACKLISTED_NUMBER": "rejected",
        "UNKNOWN_DELIVERY": "unconfirmed",
    },
    "bird": {"delivered": "delivered", "delivery_failed": "undelivered", "rejected": "rejected"},
    "dripcel": {"delivered": "delivered", "undelivered": "undelivered", "opted_out": "rejected"},
    "indigitall": {"DELIVRD": "delivered", "UNDELIV": "undelivered", "REJECTD": "rejected"},
}
"""The tests' own reading of the providers' words."""


def subscribe(sandbox: Sandbox, receiver: RunningReceiver) -> None:
    """Let the provider that has subscriptions call the receiver."""
    for event in ("sms.outbound", "sms.inbound"):
        httpx.post(
            f"{sandbox.url}/bird/workspaces/{WORKSPACE}/webhook-subscriptions",
            json={
                "service": "channels",
                "event": event,
                "url": receiver.callback_urls["bird"],
                "signingKey": SIGNING_KEY,
            },
            headers={"Authorization": "AccessKey sandbox-bird-key"},
        ).raise_for_status()


def wait_for_callbacks(sandbox: Sandbox, provider: str) -> None:
    """Until the provider has no callback left to make."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        counts = httpx.get(f"{sandbox.url}/truth/summary").raise_for_status().json()[provider]["callbacks"]
        if counts and not counts.get("waiting"):
            return
        time.sleep(0.1)
    raise AssertionError(f"callbacks are left: {counts}")


def let_pass(ledger: Ledger, **duration: float) -> None:
    """Make everything that happened to messages so much longer ago."""
    table, ago = Message.__table__, timedelta(**duration)
    with ledger.writing() as connection:
        for row in connection.execute(select(table.c.id, table.c.claimed_at, table.c.status_at)).all():
            connection.execute(
                update(table)
                .where(table.c.id == row.id)
                .values(
                    claimed_at=None if row.claimed_at is None else row.claimed_at - ago,
                    status_at=row.status_at - ago,
                    next_poll_at=None,
                )
            )


def statuses_by_address(ledger: Ledger) -> dict[str, str]:
    """The status of every message."""
    with ledger.reading() as connection:
        return dict(map(tuple, connection.execute(text("SELECT address, status FROM message"))))


def truth_by_address(sandbox: Sandbox, provider: str) -> dict[str, str]:
    """What became of every message at the provider, in our words; every address was reached once."""
    recipients: list[dict[str, Any]] = (
        httpx.get(f"{sandbox.url}/truth").raise_for_status().json()[provider]["recipients"]
    )
    truth = {recipient["address"]: OURS[provider][recipient["status"]] for recipient in recipients}
    assert len(truth) == len(recipients), "somebody was reached twice"
    return truth


def call_about_all(ledger: Ledger, receiver: RunningReceiver, status: str) -> None:
    """A callback about every message, as the provider that tells deliveries by number makes it."""
    with ledger.reading() as connection:
        messages = connection.execute(
            text(
                "SELECT m.address, r.reference, r.ticket FROM message m "
                "JOIN provider_request r ON r.id = m.request_id"
            )
        ).all()
    for address, list_name, ticket in messages:
        httpx.post(
            receiver.callback_urls["octopush"],
            json={
                "channel": "sms",
                "message_id": ticket or f"sms_{list_name}",
                "list_name": list_name,
                "number": address,
                "status": status,
                "delivery_date": "2026-01-05 11:46:06",
            },
        ).raise_for_status()
