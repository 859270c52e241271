"""Asking a person, on the page of the flow run, whether to send what a plan shows."""

from enum import StrEnum
from typing import Any

from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from pydantic import Field

from tasks.patience import read_patience
from tasks.plan import Plan
from tasks.plan_report import plan_in_short

_LOOK_SECONDS = 3


class Answer(StrEnum):
    """What somebody can say to a plan."""

    SEND = "send"
    """Send exactly this."""
    DO_NOT_SEND = "do not send"
    """End without sending anything."""


class Approval(RunInput):
    """The answer, as the Prefect UI asks for it behind the button Resume."""

    answer: Answer = Field(title="Answer", description="send: exactly what this plan shows goes out.")


def is_approved(plan: Plan) -> bool:
    """Pause the flow run until somebody has looked at the plan, and say what he decided.

    Raises:
        FlowPauseTimeout: Nobody answered within `ROLLCALL_APPROVAL_WAIT_SECONDS`, a day if it is not set.
        RuntimeError: There is no flow run that could be paused.
    """
    wait_seconds = round(read_patience().approval_wait_seconds)
    asked: Any = Approval.with_initial_data(description=plan_in_short(plan))
    approval = pause_flow_run(wait_for_input=asked, timeout=wait_seconds, poll_interval=_LOOK_SECONDS)
    return bool(approval.answer is Answer.SEND)
