"""What the words of the ledger mean, for people who read a report."""

from tasks.messaging.statuses import ExclusionReason, MessageStatus
from tasks.store.tables import RunState

STATUS_MEANINGS = {
    MessageStatus.PLANNED: "not handed over yet",
    MessageStatus.SENDING: "being handed over",
    MessageStatus.UNKNOWN: "handed over or not: cannot be known yet",
    MessageStatus.ACCEPTED: "the provider took it",
    MessageStatus.SCHEDULED: "the provider holds it until its time",
    MessageStatus.SENT: "on its way",
    MessageStatus.DELIVERED: "arrived",
    MessageStatus.UNDELIVERED: "the carrier could not deliver it",
    MessageStatus.REJECTED: "the provider refused it",
    MessageStatus.FAILED: "could not be handed over, or not sent",
    MessageStatus.CANCELLED: "withdrawn before it was sent",
    MessageStatus.UNCONFIRMED: "accepted, and no receipt came",
}

EXCLUSION_MEANINGS = {
    ExclusionReason.MISSING_ADDRESS: "the row has no phone number or e-mail address",
    ExclusionReason.INVALID_ADDRESS: "what stands there is not an address",
    ExclusionReason.DAMAGED_ADDRESS: "a spreadsheet or a torn row has damaged it beyond repair",
    ExclusionReason.NOT_TEXTABLE: "a landline or premium number: no SMS arrives there",
    ExclusionReason.DUPLICATE: "the same address as an earlier row",
    ExclusionReason.DISABLED: "switched off in the list or in the registry",
    ExclusionReason.OPTED_OUT: "the person asked not to be contacted",
    ExclusionReason.NOT_A_CONTACT: "not in the registry, and the campaign skips unknown contacts",
    ExclusionReason.FREQUENCY_CAPPED: "has had as many messages as the cap allows",
    ExclusionReason.MISSING_VALUE: "a value that the text needs is empty",
    ExclusionReason.TOO_LONG: "the text is longer than the provider takes",
    ExclusionReason.UNSUPPORTED_COUNTRY: "the provider does not send this kind of message there",
}

RUN_STATE_MEANINGS = {
    RunState.PLANNED: "Planned: nothing was handed over yet",
    RunState.SENDING: "Being handed over",
    RunState.STOPPED: "Stopped midway: the same command resumes",
    RunState.HANDED_OVER: "Handed over: waiting for the provider's receipts",
    RunState.FINISHED: "Finished: every message is in a final state",
}
