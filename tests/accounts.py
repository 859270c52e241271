"""An account of a run that no ledger has."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tasks.messaging.statuses import Channel, ExclusionReason, MessageStatus, Purpose
from tasks.store.account import RunAccount, Tally
from tasks.store.tables import RunState
from tasks.store.timeline import Timeline

PLANNED_AT = datetime(2026, 3, 20, 10, 30, tzinfo=UTC)


def make_account(**changes):
    values = {
        "run_id": 1,
        "key": "spring/1",
        "name": "spring",
        "run_key": "1",
        "channel": Channel.SMS,
        "purpose": Purpose.MARKETING,
        "provider": "octopush",
        "state": RunState.HANDED_OVER,
        "error": None,
        "digest": "abc",
        "created_at": PLANNED_AT,
        "finished_at": None,
        "contact_file": "contacts.csv",
        "rows_read": 1_010,
        "statuses": {MessageStatus.DELIVERED: 990, MessageStatus.REJECTED: 10},
        "exclusions": {ExclusionReason.DUPLICATE: 10},
        "troubles": {(MessageStatus.REJECTED, "bad_destination", "117"): 10},
        "countries": {"US": Tally(1_000, 990, 1_200, Decimal(60))},
        "providers": {"octopush": Tally(1_000, 990, 1_200, Decimal(60))},
        "errors": ["code 117: no valid number"],
        "dropped_unnamed": 0,
        "residual_credit": None,
        "timeline": Timeline(
            PLANNED_AT, timedelta(seconds=10), [500, 990, 990], {MessageStatus.DELIVERED: [0, 400, 990]}
        ),
    }
    return RunAccount(**values | changes)
