"""Who has had as much marketing as a frequency cap allows, over all campaigns of the ledger."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, literal, not_, or_, select

from tasks.messaging.frequency import FrequencyCap
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.store.registry import suppressed_channels
from tasks.store.row_sets import as_ids, as_table
from tasks.store.tables import CampaignRun, Message

_RUN = CampaignRun.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same

_NEVER_LEFT = (MessageStatus.CANCELLED, MessageStatus.REJECTED, MessageStatus.FAILED)
_WILL_LEAVE = (MessageStatus.PLANNED, MessageStatus.SCHEDULED)


@dataclass(frozen=True, slots=True)
class Capped:
    """What an address has had that may get no more for now.

    Attributes:
        messages: Marketing messages within the cap's days; at least as many as the cap allows.
        free_at: When it may get one again, if it gets none until then. Has a UTC offset.
    """

    messages: int
    free_at: datetime


def find_capped(
    connection: Connection,
    channel: Channel,
    addresses: Collection[str],
    cap: FrequencyCap,
    *,
    now: datetime,
    except_run: str,
) -> dict[str, Capped]:
    """Those of these addresses that have had as many marketing messages as the cap allows.

    Counted is what went to the same address on the same channel (SMS and MMS are one), of whatever campaign: every
    message that left, or may have left, later than the cap's days before `now`; and every one that is still to
    leave, as if it left now. Not counted: cancelled, rejected, failed messages; runs in the provider's test mode,
    which reach nobody; messages whose address was removed, because nobody can tell any more whose they were.

    Args:
        connection: A transaction.
        channel: Of the message that would be sent.
        addresses: In the form of the ledger.
        cap: How many, in how many days.
        now: The end of these days.
        except_run: Key of the run that is asked for: when it is planned already, it does not count against itself.
    """
    marketing = connection.execute(
        select(_RUN.c.id).where(
            _RUN.c.purpose == Purpose.MARKETING,
            _RUN.c.channel.in_(suppressed_channels(channel)),
            _RUN.c.key != except_run,
            not_(func.coalesce(_RUN.c.content["test_mode"].as_boolean(), False)),
        )
    )
    run_ids = marketing.scalars().all()
    if not run_ids or not addresses:
        return {}
    wanted = as_table(connection, address=list(addresses))
    is_ahead = _MESSAGE.c.status.in_(_WILL_LEAVE)
    # A ledger from before `claimed_at` was kept has only the time of the outcome.
    left_at = func.coalesce(_MESSAGE.c.claimed_at, _MESSAGE.c.status_at)
    moment = case((is_ahead, literal(now, _MESSAGE.c.claimed_at.type)), else_=left_at)
    had = (
        select(
            _MESSAGE.c.address,
            moment.label("moment"),
            func.row_number().over(partition_by=_MESSAGE.c.address, order_by=moment.desc()).label("place"),
            func.count().over(partition_by=_MESSAGE.c.address).label("messages"),
        )
        .join_from(wanted, _MESSAGE, _MESSAGE.c.address == wanted.c.address)
        .where(
            # Plus 0: else the index (address, run_id) is asked once for every pair of an address and a run, and
            # not once for every address.
            (_MESSAGE.c.run_id + 0).in_(select(as_ids(connection, run_ids).c.id)),
            _MESSAGE.c.status.not_in(_NEVER_LEFT),
            or_(is_ahead, left_at > now - cap.window),
        )
        .subquery("had")
    )
    # Of N allowed, the N-th newest is the one that has to grow old before there is room for another.
    found = connection.execute(
        select(had.c.address, had.c.messages, had.c.moment).where(had.c.place == cap.messages)
    )
    return {address: Capped(messages, moment + cap.window) for address, messages, moment in found}
