"""Which sending a request became whose answer was lost.

indigitall has no key by which a request could be found again, and its list of sendings shows no recipient. Left
are the campaign and the time: one request of a campaign is in flight at a time, so the sendings of a campaign that
nobody knows, and that began when answers were lost, are the requests of those answers, if there are as many.

All of those requests have to be asked for together. Asked for alone, each of two would be given the one sending
that is there, and the one that never arrived would count as sent.

That a sending is not in the list proves nothing: how late they are listed is not documented. So nothing is ever
found absent here, and what is not settled waits for the console's report, or for the operator.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.messaging.statuses import Channel
from tasks.providers.indigitall.sendings import Sending
from tasks.providers.reports import HandedOver

CLOCK_MARGIN = timedelta(minutes=1)
"""How far indigitall's clock may be behind ours. Where it is further behind, nothing is found."""

LONGEST_REQUEST = timedelta(minutes=5)
"""How long after its claim a request can begin a sending: it is throttled and tried again for two minutes at most,
then written and answered within a minute and a half."""


@dataclass(frozen=True, slots=True)
class LostRequest:
    """A request whose answer was lost.

    Attributes:
        messages: Those of it that are asked for.
        claimed_at: It did not leave earlier.
        size: How many recipients it had.
        open_requests: How many of the campaign have no known outcome; None where that was not counted.
    """

    campaign_id: str
    messages: Sequence[HandedOver]
    claimed_at: datetime
    size: int
    open_requests: int | None


def find_lost_requests(messages: Iterable[HandedOver]) -> list[LostRequest]:
    """The SMS requests that messages went in, in the order of their claims."""
    by_request: defaultdict[tuple[str, str], list[HandedOver]] = defaultdict(list)
    for message in messages:
        if message.channel is Channel.SMS and message.template_id:
            by_request[message.template_id, message.request_reference or message.reference].append(message)
    lost = [
        LostRequest(
            campaign_id=campaign_id,
            messages=together,
            claimed_at=min(message.claimed_at for message in together),
            size=max(message.request_size or len(together) for message in together),
            open_requests=together[0].open_requests,
        )
        for (campaign_id, _), together in by_request.items()
    ]
    return sorted(lost, key=lambda request: request.claimed_at)


def match_sendings(
    lost: Sequence[LostRequest], sendings: Iterable[Sending], *, asked_at: datetime, grace: timedelta
) -> dict[str, Sending]:
    """Find the sendings of lost requests.

    Args:
        lost: Lost requests older than `grace`, in the order of their claims.
        sendings: All listed ones that began since the first claim and belong to no other message of the ledger.
        asked_at: When the sendings were listed.
        grace: How long a sending may take to be listed.

    Returns:
        The sending by the message's reference; without those that cannot be told.
    """
    found, open_sendings = _match_by_reference(lost, sendings)
    for campaign_id in {request.campaign_id for request in lost}:
        of_campaign = [sending for sending in open_sendings if sending.campaign_id == campaign_id]
        asked = [request for request in lost if request.campaign_id == campaign_id]
        if any(request.open_requests != len(asked) for request in asked):
            continue  # one that is not asked for may have made any of the sendings
        open_requests = [
            request for request in asked if not any(message.reference in found for message in request.messages)
        ]
        # The latest first: a sending that is explained is no riddle to the earlier ones.
        for together in reversed(_close_in_time(open_requests)):
            if together[-1].claimed_at + LONGEST_REQUEST + grace > asked_at:
                continue  # a request that was claimed after they were counted may have made the sending
            pairs = _match_by_time(together, of_campaign)
            for request, sending in pairs:
                of_campaign.remove(sending)
                found |= {message.reference: sending for message in request.messages}
    return found


def _match_by_reference(
    lost: Sequence[LostRequest], sendings: Iterable[Sending]
) -> tuple[dict[str, Sending], list[Sending]]:
    """Messages that a sending names, and the sendings that name nobody's reference."""
    asked = {message.reference for request in lost for message in request.messages}
    found: dict[str, Sending] = {}
    nameless = []
    for sending in sendings:
        found |= dict.fromkeys(asked & sending.references, sending)
        if not sending.references:
            nameless.append(sending)
    return found, nameless


def _close_in_time(lost: Sequence[LostRequest]) -> list[list[LostRequest]]:
    """Requests of one campaign, together where one sending could be of either."""
    groups: list[list[LostRequest]] = []
    for request in lost:
        if groups and request.claimed_at - CLOCK_MARGIN <= groups[-1][-1].claimed_at + LONGEST_REQUEST:
            groups[-1].append(request)
        else:
            groups.append([request])
    return groups


def _match_by_time(lost: Sequence[LostRequest], sendings: Sequence[Sending]) -> list[tuple[LostRequest, Sending]]:
    """A sending for each request, in their order; none at all where anything speaks against it."""
    candidates = sorted(
        (sending for sending in sendings if _may_have_begun(sending, lost[0], lost[-1])), key=_order
    )
    if len(candidates) != len(lost):
        return []
    pairs = list(zip(lost, candidates, strict=True))
    return pairs if all(_fits(request, sending) for request, sending in pairs) else []


def _may_have_begun(sending: Sending, first: LostRequest, last: LostRequest) -> bool:
    """Whether it began in this time, or may have: when one for later was made is not always told."""
    began_at = sending.began_at
    if began_at is None or (sending.created_at is None and began_at >= first.claimed_at - CLOCK_MARGIN):
        return True
    return first.claimed_at - CLOCK_MARGIN <= began_at <= last.claimed_at + LONGEST_REQUEST


def _fits(request: LostRequest, sending: Sending) -> bool:
    began_at = sending.began_at
    if began_at is None or (sending.size is not None and sending.size > request.size):
        return False
    return request.claimed_at - CLOCK_MARGIN <= began_at <= request.claimed_at + LONGEST_REQUEST


def _order(sending: Sending) -> tuple[float, int, str]:
    began_at = sending.began_at
    return began_at.timestamp() if began_at else 0.0, len(sending.id), sending.id
