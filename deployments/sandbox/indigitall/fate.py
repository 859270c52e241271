"""What becomes of an SMS: the word that the console's report has for it in the end."""

from hashlib import blake2b

_STEPS = 2**64


def drawn_outcome(outcomes: dict[str, float], campaign_id: int, address: str) -> str:
    """One of the outcomes, in their proportions; always the same one for a contact of a campaign.

    Args:
        outcomes: Shares by outcome, of whatever sum above 0.
        campaign_id: Of the sending.
        address: Of the contact.
    """
    digest = blake2b(f"{campaign_id} {address}".encode(), digest_size=8).digest()
    left = int.from_bytes(digest) / _STEPS * sum(outcomes.values())
    for outcome, share in outcomes.items():
        if left < share:
            return outcome
        left -= share
    return next(outcome for outcome in reversed(outcomes) if outcomes[outcome] > 0)  # rounding
