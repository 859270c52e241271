"""Octopush's wire, as its pages have it."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Batch, BatchReceipt, OutboundMessage, SendOutcome
from tests.providers.cases import SECRET, Exchange, ProviderCases, RequestCase
from tests.providers.errors_octopush import ERRORS
from tests.providers.problems_octopush import MARKETING, PROBLEMS, SMS

# Far enough ahead for any run of the tests; Paris time, because the offset has to survive.
IN_FUTURE = (
    (datetime.now(UTC) + timedelta(days=30)).astimezone(timezone(timedelta(hours=1))).replace(microsecond=0)
)

PLACEHOLDERS = ("first_name", "last_name", "param1", "param2", "param3", "param4", "param5")

DEFAULTS = {
    "type": "sms_premium",
    "purpose": "alert",
    "with_replies": False,
    "simulation_mode": False,
    "auto_delete_optout_contacts": True,
    "auto_optimize_text": False,
}

ANSWER = (
    '{"sms_ticket": "sms_5f3fbce61266e", "number_of_contacts": 2, "total_cost": 0.1002,'
    ' "number_of_sms_needed": 2, "residual_credit": 50.75, "message": "ok"}'
)
RECEIPT = BatchReceipt("sms_5f3fbce61266e", 2, Decimal("0.1002"), Decimal("50.75"), 2, "ok")
SHORT_ANSWER = '{"sms_ticket": "sms_1", "number_of_contacts": 1, "total_cost": 0}'
SHORT_RECEIPT = BatchReceipt("sms_1", 1, Decimal(0))


def outcome(
    reference: str,
    status: MessageStatus = MessageStatus.ACCEPTED,
    receipt: BatchReceipt = SHORT_RECEIPT,
    cost: str | None = "0",
) -> SendOutcome:
    return SendOutcome(
        reference, status, receipt.ticket, cost=None if cost is None else Decimal(cost), batch=receipt
    )


def one(reference: str = "m-1", text: str = "Hello") -> list[OutboundMessage]:
    return [OutboundMessage(reference, "+4917139200001", "DE", text)]


def request(**fields: Any) -> dict[str, Any]:
    recipients = [{"phone_number": "+4917139200001"}]
    return {"text": "Hello", "recipients": recipients, "list_name": "m-1", **DEFAULTS, **fields}


URL = "https://octopush.example.com/v1/public"


def two_phases(contacts: dict[str, Any], draft: dict[str, Any]) -> list[Exchange]:
    """What goes before a confirmation."""
    return [
        Exchange(url=f"{URL}/contact/create", request=contacts, status=201, answer='{"number_of_contacts": 2}'),
        Exchange(
            url=f"{URL}/sms-campaign-on-list/create",
            request=draft,
            status=201,
            answer='{"ticket_number": "sms_2"}',
        ),
        Exchange(
            method="GET",
            url=f"{URL}/sms-campaign-on-list/status?ticket_number=sms_2",
            answer='{"number_of_contacts": 2, "cost": 2.58, "status": "ready_to_be_sent"}',
        ),
    ]


CONFIRM: dict[str, Any] = {
    "url": f"{URL}/sms-campaign-on-list/send",
    "request": {"ticket_number": "sms_2"},
    "answer": '{"sending_date": "2026-01-05T12:00:00+01:00"}',
}
COUNTED = BatchReceipt("sms_2", 2, Decimal("2.58"))

CASES = ProviderCases(
    credentials={
        "base_url": URL,
        "api_login": "me@example.com",
        "api_key": SECRET,
    },
    secrets=(SECRET, "me@example.com"),
    url=f"{URL}/sms-campaign/send",
    headers={"api-login": "me@example.com", "api-key": SECRET, "content-type": "application/json"},
    requests=[
        RequestCase(
            id="a batch with placeholders",
            content=Content.model_validate(MARKETING),
            messages=[
                OutboundMessage("m-1", "+4917139200001", "DE", placeholder_values={"first_name": "Ada"}),
                OutboundMessage("m-2", "+12025550101", "US", placeholder_values={"first_name": "Élodie"}),
            ],
            batch=Batch("run7-000001", "Hi {first_name}! STOP au XXXXX"),
            request={
                "text": "Hi {first_name}! STOP au XXXXX",
                "recipients": [
                    {"phone_number": "+4917139200001", "first_name": "Ada"},
                    {"phone_number": "+12025550101", "first_name": "Élodie"},
                ],
                "list_name": "run7-000001",
                **DEFAULTS,
                "purpose": "wholesale",
            },
            answer=ANSWER,
            outcomes=[
                outcome("m-1", receipt=RECEIPT, cost="0.0501"),
                outcome("m-2", receipt=RECEIPT, cost="0.0501"),
            ],
        ),
        RequestCase(
            id="a single message with a text of its own",
            content=Content.model_validate(SMS),
            messages=one(),
            request=request(),
            status=201,
            answer=SHORT_ANSWER,
            outcomes=[outcome("m-1")],
        ),
        RequestCase(
            id="every option",
            content=Content.model_validate({**SMS, "sender": "Shop"}),
            options={
                "type": "sms_low_cost",
                "sender": "Shop",
                "with_replies": True,
                "auto_delete_optout_contacts": False,
                "auto_optimize_text": True,
                "recipient_tracking": True,
                "send_request_id": True,
                "balance_country": "DE",
                "stop_mention": None,
                "stop_mention_low_cost": None,
            },
            messages=one(),
            request=request(
                type="sms_low_cost",
                sender="Shop",
                with_replies=True,
                auto_delete_optout_contacts=False,
                auto_optimize_text=True,
                recipient_tracking=True,
                request_id="m-1",
            ),
            answer=SHORT_ANSWER,
            outcomes=[outcome("m-1")],
        ),
        *(
            RequestCase(
                id=f"opt-outs under {' and '.join(given)}: {next(iter(given.values()))}",
                content=Content.model_validate(SMS),
                options=given,
                messages=one(),
                request={
                    **{key: value for key, value in request().items() if key != "auto_delete_optout_contacts"},
                    **given,
                },
                answer=SHORT_ANSWER,
                outcomes=[outcome("m-1")],
            )
            for given in (
                {"auto_delete_optout_contacts": True},
                {"auto_remove_blacklisted_numbers": True},
                {"auto_remove_blacklisted_numbers": False},
                {"auto_delete_optout_contacts": True, "auto_remove_blacklisted_numbers": True},
            )
        ),
        RequestCase(
            id="replies",
            content=Content.model_validate({**SMS, "replies": True}),
            messages=one(),
            request=request(with_replies=True),
            answer=SHORT_ANSWER,
            outcomes=[outcome("m-1")],
        ),
        RequestCase(
            id="every placeholder",
            content=Content.model_validate(SMS),
            messages=[
                OutboundMessage(
                    "m-1", "+4917139200001", "DE", placeholder_values=dict.fromkeys(PLACEHOLDERS, "é" * 50)
                )
            ],
            batch=Batch("m-1", " ".join(f"{{{name}}}" for name in PLACEHOLDERS)),
            request=request(
                text="{first_name} {last_name} {param1} {param2} {param3} {param4} {param5}",
                recipients=[{"phone_number": "+4917139200001", **dict.fromkeys(PLACEHOLDERS, "é" * 50)}],
            ),
            answer=SHORT_ANSWER,
            outcomes=[outcome("m-1")],
        ),
        RequestCase(
            id="two phases",
            content=Content.model_validate({**MARKETING, "send_at": IN_FUTURE, "replies": True}),
            options={"two_phase": True, "sender": "Shop", "auto_optimize_text": True, "type": "sms_low_cost"},
            messages=[
                OutboundMessage("m-1", "+4917139200001", "DE", placeholder_values={"first_name": "Ada"}),
                OutboundMessage("m-2", "+12025550101", "US", placeholder_values={"first_name": "Élodie"}),
            ],
            batch=Batch("run7-000001", "Hi {first_name}!"),
            before=two_phases(
                {
                    "contacts": [
                        {"phone_number": "+4917139200001", "first_name": "Ada"},
                        {"phone_number": "+12025550101", "first_name": "Élodie"},
                    ],
                    "list_name": "run7-000001",
                    "auto_remove_blacklisted_numbers": True,
                },
                {
                    "list_name": "run7-000001",
                    "text": "Hi {first_name}!",
                    "type": "sms_low_cost",
                    "purpose": "wholesale",
                    "sender": "Shop",
                    "send_at": IN_FUTURE.isoformat(),
                    "with_replies": True,
                    "auto_optimize_text": True,
                    "auto_remove_blacklisted_numbers": True,
                },
            ),
            **CONFIRM,
            outcomes=[
                outcome(reference, MessageStatus.SCHEDULED, receipt=COUNTED, cost="1.29")
                for reference in ("m-1", "m-2")
            ],
        ),
        RequestCase(
            id="two phases that leave nobody out",
            content=Content.model_validate(SMS),
            options={"two_phase": True, "auto_delete_optout_contacts": False},
            messages=[*one(), *one("m-2"), OutboundMessage("m-3", "no number", text="Hello")],
            batch=Batch("run7-000002", "Hello"),
            before=two_phases(
                {
                    "contacts": [{"phone_number": "+4917139200001"}] * 2,
                    "list_name": "run7-000002",
                    "auto_remove_blacklisted_numbers": False,
                },
                {
                    "list_name": "run7-000002",
                    "text": "Hello",
                    "type": "sms_premium",
                    "purpose": "alert",
                    "with_replies": False,
                    "auto_optimize_text": False,
                    "auto_remove_blacklisted_numbers": False,
                },
            ),
            **CONFIRM,
            outcomes=[
                *(outcome(reference, receipt=COUNTED, cost="1.29") for reference in ("m-1", "m-2")),
                SendOutcome("m-3", MessageStatus.FAILED, reason="invalid_address"),
            ],
        ),
        RequestCase(
            id="scheduled, with its offset",
            content=Content.model_validate({**SMS, "send_at": IN_FUTURE}),
            messages=one(),
            request=request(send_at=IN_FUTURE.isoformat()),
            answer=SHORT_ANSWER,
            outcomes=[outcome("m-1", MessageStatus.SCHEDULED)],
        ),
        RequestCase(
            id="a time that has passed means now",
            content=Content.model_validate({**SMS, "send_at": "2026-01-05T12:00:00+01:00"}),
            messages=one(),
            request=request(),
            answer=SHORT_ANSWER,
            outcomes=[outcome("m-1")],
        ),
        RequestCase(
            id="simulated: costs nothing",
            content=Content.model_validate({**SMS, "test_mode": True}),
            messages=one(),
            request=request(simulation_mode=True),
            answer=SHORT_ANSWER.replace(": 0", ": 0.05"),
            outcomes=[outcome("m-1", receipt=BatchReceipt("sms_1", 1, Decimal("0.05")), cost=None)],
        ),
        RequestCase(
            id="a dropped recipient is not named, so nobody has a price",
            content=Content.model_validate(SMS),
            messages=[*one(), *one("m-2")],
            batch=Batch("m-1", "Hello"),
            request=request(recipients=[{"phone_number": "+4917139200001"}] * 2),
            answer=SHORT_ANSWER,
            outcomes=[outcome("m-1", cost=None), outcome("m-2", cost=None)],
        ),
        RequestCase(
            id="older answers and absurd numbers",
            content=Content.model_validate(SMS),
            messages=one(),
            request=request(),
            answer='{"sms_ticket": "sms_1", "number_of_contacts": true,'
            ' "total_cost": 1e99999, "residual_credit": "9.5"}',
            outcomes=[outcome("m-1", receipt=BatchReceipt("sms_1", None, None, Decimal("9.5")), cost=None)],
        ),
        RequestCase(
            id="what Octopush would silently drop or change is left out",
            content=Content.model_validate(SMS),
            messages=[
                OutboundMessage("m-1", "4917139200001", placeholder_values={"param1": "A"}),
                OutboundMessage("m-2", "+4917139200001", placeholder_values={"param1": ""}),
                OutboundMessage("m-3", "+4917139200001", placeholder_values={"param1": "B"}),
                OutboundMessage("m-4", "+4917139200001", placeholder_values={"param1": "x" * 51}),
                OutboundMessage("m-5", "+4917139200001", placeholder_values={"param1": " "}),
            ],
            batch=Batch("m-1", "{param1}"),
            request=request(text="{param1}", recipients=[{"phone_number": "+4917139200001", "param1": "B"}]),
            answer=SHORT_ANSWER,
            outcomes=[
                SendOutcome("m-1", MessageStatus.FAILED, reason="invalid_address"),
                SendOutcome("m-2", MessageStatus.FAILED, reason="missing_value"),
                outcome("m-3"),
                SendOutcome("m-4", MessageStatus.FAILED, reason="too_long"),
                SendOutcome("m-5", MessageStatus.FAILED, reason="empty_text"),
            ],
        ),
        RequestCase(
            id="nothing is sent when nothing is left",
            content=Content.model_validate(SMS),
            messages=one(text="x" * 1225),
            request=None,
            outcomes=[SendOutcome("m-1", MessageStatus.FAILED, reason="too_long")],
        ),
        RequestCase(
            id="a text that looks like a placeholder would be filled in",
            content=Content.model_validate(SMS),
            messages=one(text="Use {param1}"),
            request=None,
            outcomes=[SendOutcome("m-1", MessageStatus.FAILED, reason="missing_value")],
        ),
    ],
    errors=ERRORS,
    problems=PROBLEMS,
)
