"""Commands that a report tells its reader to run."""

import shlex

from tasks.messaging.statuses import MessageStatus
from tasks.store.account import RunAccount


def settle_commands(account: RunAccount) -> dict[str, str]:
    """What settles the messages that are `unknown`: command -> what it does. Empty while there are none."""
    if not account.count(MessageStatus.UNKNOWN):
        return {}
    run = f"--campaign {shlex.quote(account.name)} --run-key {shlex.quote(account.run_key)}"
    ask = f"python -m flows.reconcile_deliveries {run}"
    return {
        ask: "asks the provider once more, where it can be asked",
        f"{ask} --unknown resend": "sends them again: who got the first one gets a second",
        f"{ask} --unknown close": "gives them up: who did not get the first one gets none",
    }
