"""Messages that are not handed over after all: opted out, disabled, erased, or cancelled with their run."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, case, exists, literal, select, update

from tasks.messaging.statuses import MessageStatus
from tasks.store.tables import CampaignRun, Message, RunControl, utc_now

_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # the same

RESEND_DECIDED = "resend_decided"
"""Reason of a planned message that may have arrived already: the operator wants it sent again."""

RUN_CANCELLED = "run_cancelled"
"""Reason of messages that were cancelled with their run."""


def withdrawn_status() -> ColumnElement[Any]:
    """The status, in SQL, of a planned message that is withdrawn.

    `cancelled` says that nobody got it, for good. Of one that is planned again because the operator says so, the
    first request may have arrived: a receipt of it must count yet.
    """
    status = _MESSAGE.c.status.type
    return case(
        (_MESSAGE.c.reason == RESEND_DECIDED, literal(MessageStatus.UNCONFIRMED, status)),
        else_=literal(MessageStatus.CANCELLED, status),
    )


def withdraw_cancelled(connection: Connection, which: ColumnElement[bool]) -> int:
    """Cancel those of these messages that are left to hand over and whose run was cancelled.

    The caller has their chunks locked.

    Returns:
        How many messages.
    """
    is_cancelled = exists().where(_RUN.c.id == _MESSAGE.c.run_id, _RUN.c.control == RunControl.CANCEL)
    is_left = which & (_MESSAGE.c.status == MessageStatus.PLANNED)
    # By their ids: an UPDATE takes rows in whatever order it finds them in.
    locked = select(_MESSAGE.c.id).where(is_left, is_cancelled).order_by(_MESSAGE.c.id)
    return connection.execute(
        update(_MESSAGE)
        .where(_MESSAGE.c.id.in_(locked.with_for_update(key_share=True, of=_MESSAGE)), is_left)
        .values(status=withdrawn_status(), reason=RUN_CANCELLED, status_at=utc_now())
    ).rowcount
