"""What an operator is told without having to look: Prefect automations that call a webhook."""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

WEBHOOK_BLOCK = "rollcall-alerts"
SEND_CAMPAIGN = "send-campaign"
FLOW_RUN_ENDS = (
    "Completed",
    "PartlySent",
    "PartlyImported",
    "SentElsewhere",
    "Incomplete",
    "Stopped",
    "Failed",
    "Crashed",
    "Cancelled",
    "TimedOut",
)
"""Names of the states in which runs of Rollcall's flows end: Prefect calls its events by name, not by type."""
_SILENCE = timedelta(minutes=10)
"""A run tells that it is alive every 3 minutes, if Prefect's setting is left alone."""


class AlertError(ValueError):
    """`ROLLCALL_ALERT_URL` cannot be used."""


def alert_url() -> str | None:
    """Where alerts go: `ROLLCALL_ALERT_URL`; None when nobody wants any.

    Raises:
        AlertError: It is not a web address. The message does not show it: such addresses have secrets in them.
    """
    url = os.environ.get("ROLLCALL_ALERT_URL", "").strip()
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise AlertError(
            "ROLLCALL_ALERT_URL must be a web address that takes a POST of JSON, for example of a chat"
        )
    return url


def webhook_of(url: str) -> Webhook:
    """The block in which Prefect keeps that address, encrypted."""
    return Webhook(url=url, headers={"Content-Type": "application/json"})


def wanted_automations(deployments: Mapping[str, UUID], webhook: UUID) -> list[AutomationCore]:
    """The automations, for deployments that exist.

    Args:
        deployments: Their ids by name, `send-campaign` among them.
        webhook: The id of the block that holds the address.
    """
    campaigns = [deployments[SEND_CAMPAIGN]]
    jobs = [of_job for name, of_job in deployments.items() if name != SEND_CAMPAIGN]
    return [
        _automation(
            "rollcall: a campaign needs a look",
            "A run of send-campaign ended with messages that need attention, failed, or no worker took it.",
            _reacting(campaigns, "PartlySent", "Failed", "Crashed", "Late"),
            _say("flow_run.state.name", webhook),
        ),
        _automation(
            "rollcall: a job failed",
            "A job that sends what is held, reconciles, learns opt-outs, imports or removes data left work.",
            _reacting(jobs, "Incomplete", "PartlyImported", "Failed", "Crashed"),
            _say("flow_run.state.name", webhook),
        ),
        _automation(
            "rollcall: a run went silent",
            "A run said nothing for ten minutes and did not end: its machine is perhaps gone. Start it again.",
            EventTrigger(
                after={"prefect.flow-run.heartbeat"},
                expect={"prefect.flow-run.heartbeat", *map("prefect.flow-run.{}".format, FLOW_RUN_ENDS)},
                match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
                match_related=_of_deployments(list(deployments.values())),
                for_each={"prefect.resource.id"},
                posture=Posture.Proactive,
                threshold=1,
                within=_SILENCE,
            ),
            _say("'silent for ten minutes'", webhook),
        ),
    ]


def _automation(name: str, description: str, trigger: EventTrigger, action: CallWebhook) -> AutomationCore:
    return AutomationCore(name=name, description=description, trigger=trigger, actions=[action])


def _reacting(deployments: Sequence[UUID], *states: str) -> EventTrigger:
    return EventTrigger(
        expect=set(map("prefect.flow-run.{}".format, states)),
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        match_related=_of_deployments(deployments),
        for_each={"prefect.resource.id"},
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )


def _of_deployments(ids: Sequence[UUID]) -> ResourceSpecification:
    return ResourceSpecification(
        {
            "prefect.resource.role": "deployment",
            "prefect.resource.id": [f"prefect.deployment.{one}" for one in ids],
        }
    )


def _say(what: str, webhook: UUID) -> CallWebhook:
    # "text" is what chats read. The run's name is the campaign's and its key; the state's message stays out of it,
    # so that nothing about a recipient can leave this way.
    sentence = f"'Rollcall: ' ~ deployment.name ~ ' ' ~ flow_run.name ~ ': ' ~ {what} ~ ' ' ~ flow_run | ui_url"
    return CallWebhook(block_document_id=webhook, payload=f'{{"text": {{{{ ({sentence}) | tojson }}}}}}')
