"""Seed recipients: the sender's own people, who get a campaign before anybody else does."""

from collections.abc import Mapping

from flows.parameters import SEEDS_SUFFIX, Campaign
from tasks.messaging.statuses import MessageStatus
from tasks.store.account import RunAccount


def campaign_for_seeds(campaign: Campaign) -> Campaign | None:
    """The same message to the seed file, as a run of its own; None when the campaign has no seeds.

    Its key is the campaign's and `:seeds`, so that seeds get it once, however often the campaign is started. They
    get it at once: what a provider holds until `send_at` nobody could look at before the list gets it too.
    """
    if campaign.audience.seeds is None:
        return None
    audience = campaign.audience.model_copy(update={"path": campaign.audience.seeds, "seeds": None})
    changes: Mapping[str, object] = {
        "run_key": campaign.run_key + SEEDS_SUFFIX,
        "audience": audience,
        "schedule": campaign.schedule.model_copy(update={"send_at": None}),
        "hours": None,
        "frequency_cap": None,
    }
    return campaign.model_copy(update=dict(changes))


def why_seeds_stop_it(account: RunAccount, not_well: tuple[MessageStatus, ...]) -> str | None:
    """Why the campaign must not go on to the list; None when all seeds that may get it were handed over."""
    what_then = "nobody else gets it: correct the seed file and use another run key, or remove audience.seeds"
    if account.sent_by:
        return f"the seeds are being served elsewhere: {account.sent_by}"
    if not account.messages:
        return f"none of the {account.rows_read:,} seeds may get the message, so {what_then}"
    if bad := sum(account.statuses.get(status, 0) for status in not_well):
        return f"{bad:,} of {account.messages:,} messages to seeds were not taken, so {what_then}"
    return None
