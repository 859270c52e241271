"""What `make demo` runs: one campaign per provider, through a sandbox, and a comparison with the truth.

Nothing leaves the machine. The sandbox is a process of its own that speaks the providers' real wire protocols,
writes down what it received, and decides what becomes of it. It calls the receiver, a third process, about some of
that: twice, in the wrong order, too early, or never; some answers it loses after it has taken the message. At the
end the ledger must say of every recipient what the sandbox says.
"""

import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from deployments.processes import running_service
from tasks.messaging.statuses import MessageStatus

DEMO_DIRECTORY = Path("data/demo")
CAMPAIGNS = (
    "data/campaigns/octopush-spring-sale.yaml",
    "data/campaigns/bird-delivery-notice.yaml",
    "data/campaigns/indigitall-order-update.yaml",
    "data/campaigns/dripcel-service-notice.yaml",
)
CONSOLE_REPORT = DEMO_DIRECTORY / "indigitall-console-report.csv"
_MOST_ROUNDS = 4
_CALLBACK_PATIENCE_SECONDS = 180
_WORKSPACE = "00000000-0000-4000-8000-0000000000a1"
_SIGNING_KEY = "sandbox-signing-key"

LIFE: dict[str, dict[str, Any]] = {
    "octopush": {
        "outcomes": {
            "DELIVERED": 0.93,
            "NOT_DELIVERED": 0.04,
            "BLACKLISTED_NUMBER": 0.01,
            "UNKNOWN_DELIVERY": 0.02,
        },
        "callbacks": {"duplicate": 0.1, "reorder": 0.1, "before_response": 0.02},
        # The answer to the second campaign request is lost after Octopush took it: 500 unknown messages.
        "respond": ["normal", "lose_after"],
        "faults_on": "writes",
    },
    "bird": {
        "outcomes": {"delivered": 0.94, "delivery_failed:15005": 0.04, "rejected": 0.01, "sending_failed": 0.01},
        "delivery_step_seconds": 0.5,
        "webhooks": {"duplicate": 0.1, "reorder": 0.1, "lost": 0.02},
        "before_response": 0.02,
        "faults": {"drop_after": 0.002, "error_after": 0.002},
        "faults_on": "writes",
    },
    "indigitall": {"outcomes": {"DELIVRD": 0.95, "UNDELIV": 0.03, "REJECTD": 0.02}},
    "dripcel": {
        "outcomes": {"delivered": 0.9, "undelivered": 0.1},
        "delivery_steps": "by_time",
        "delivery_step_seconds": 0.1,
    },
}
"""What becomes of messages at each provider, and what goes wrong on the way."""

WORDS = {
    "octopush": {
        "DELIVERED": MessageStatus.DELIVERED,
        "NOT_DELIVERED": MessageStatus.UNDELIVERED,
        "BLACKLISTED_NUMBER": MessageStatus.REJECTED,
        "UNKNOWN_DELIVERY": MessageStatus.UNCONFIRMED,
    },
    "bird": {
        "delivered": MessageStatus.DELIVERED,
        "delivery_failed": MessageStatus.UNDELIVERED,
        "rejected": MessageStatus.REJECTED,
        "sending_failed": MessageStatus.FAILED,
    },
    "indigitall": {
        "DELIVRD": MessageStatus.DELIVERED,
        "UNDELIV": MessageStatus.UNDELIVERED,
        "REJECTD": MessageStatus.REJECTED,
    },
    "dripcel": {"delivered": MessageStatus.DELIVERED, "undelivered": MessageStatus.UNDELIVERED},
}
"""The last words of each provider, read from its documentation and not by its adapter."""


def sandbox_variables(sandbox_url: str) -> dict[str, str]:
    """The credentials that a sandbox takes, as the environment variables that hold them."""
    return {
        "ROLLCALL_OCTOPUSH_BASE_URL": f"{sandbox_url}/octopush/v1/public",
        "ROLLCALL_OCTOPUSH_API_LOGIN": "sandbox@example.com",
        "ROLLCALL_OCTOPUSH_API_KEY": "sandbox-octopush-key",
        "ROLLCALL_BIRD_BASE_URL": f"{sandbox_url}/bird",
        "ROLLCALL_BIRD_ACCESS_KEY": "sandbox-bird-key",
        "ROLLCALL_BIRD_WORKSPACE_ID": _WORKSPACE,
        "ROLLCALL_BIRD_CHANNEL_ID": "00000000-0000-4000-8000-0000000000c1",
        "ROLLCALL_BIRD_SIGNING_KEY": _SIGNING_KEY,
        "ROLLCALL_INDIGITALL_BASE_URL": f"{sandbox_url}/indigitall",
        "ROLLCALL_INDIGITALL_SERVER_KEY": "00000000-0000-4000-8000-0000000000d1",
        "ROLLCALL_INDIGITALL_APPLICATION_ID": "1001",
        "ROLLCALL_DRIPCEL_BASE_URL": f"{sandbox_url}/dripcel",
        "ROLLCALL_DRIPCEL_API_KEY": "sandbox-dripcel-key",
    }


def calm_life() -> dict[str, dict[str, Any]]:
    """What becomes of messages at each provider, with nothing that goes wrong on the way."""
    fates = {"outcomes", "delivery_steps", "delivery_step_seconds"}
    return {
        provider: {switch: value for switch, value in switches.items() if switch in fates}
        for provider, switches in LIFE.items()
    }


def configure(sandbox_url: str) -> None:
    """Point Rollcall at the sandbox, and keep everything that the demo writes in `data/demo`."""
    os.environ.update(
        sandbox_variables(sandbox_url),
        ROLLCALL_DATABASE_URL=f"sqlite:///{DEMO_DIRECTORY / 'rollcall.db'}",
        ROLLCALL_REPORT_DIRECTORY=str(DEMO_DIRECTORY / "reports"),
        ROLLCALL_CALLBACK_SECRET=secrets.token_urlsafe(24),
        # A Prefect of the demo's own: whatever the user's Prefect is connected to stays out of it.
        PREFECT_HOME=str((DEMO_DIRECTORY / "prefect").absolute()),
    )
    os.environ.pop("PREFECT_API_URL", None)
    os.environ.pop("ROLLCALL_CALLBACK_URL", None)
    for leftover in DEMO_DIRECTORY.glob("rollcall.db*"):
        leftover.unlink()


def tell_providers_whom_to_call(
    sandbox_url: str, receiver_url: str, life: Mapping[str, dict[str, Any]] = LIFE
) -> None:
    """What an operator does in the providers' consoles; and what is to become of the messages."""
    secret = os.environ["ROLLCALL_CALLBACK_SECRET"]
    callback_url = f"{receiver_url}/callbacks/octopush/{secret}"
    switches = {**life, "octopush": life["octopush"] | {"callback_url": callback_url}}
    httpx.patch(f"{sandbox_url}/settings", json=switches).raise_for_status()
    for event in ("sms.outbound", "sms.inbound"):
        httpx.post(
            f"{sandbox_url}/bird/workspaces/{_WORKSPACE}/webhook-subscriptions",
            headers={"Authorization": "AccessKey sandbox-bird-key"},
            json={
                "service": "channels",
                "event": event,
                "url": f"{receiver_url}/callbacks/bird",
                "signingKey": _SIGNING_KEY,
            },
        ).raise_for_status()


def wait_for_callbacks(sandbox_url: str) -> int:
    """Until the providers have no callback left to make; returns how many they made."""
    until = time.monotonic() + _CALLBACK_PATIENCE_SECONDS
    while True:
        summary = httpx.get(f"{sandbox_url}/truth/summary", timeout=60).raise_for_status().json()
        counts = [of_provider["callbacks"] for of_provider in summary.values()]
        if not any(count.get("waiting") for count in counts) or time.monotonic() > until:
            return sum(count.get("attempts", 0) for count in counts)
        time.sleep(0.5)


def count_open_messages() -> int:
    """Messages of the ledger that are not in a final status."""
    from tasks.store.runs import count_statuses, list_runs  # noqa: PLC0415  # when the environment is set
    from tasks.store.session import Ledger  # noqa: PLC0415  # the same

    with Ledger() as ledger, ledger.reading() as connection:
        statuses = [count_statuses(connection, run.id) for run in list_runs(connection)]
    return sum(count for of_run in statuses for status, count in of_run.items() if not status.is_final)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo.

    Returns:
        0 when ledger and truth agree for every campaign, else 1.
    """
    del arguments
    console = Console()
    DEMO_DIRECTORY.mkdir(parents=True, exist_ok=True)
    with running_service("deployments.sandbox") as sandbox:
        sandbox_url = sandbox.url
        configure(sandbox_url)
        with running_service("deployments.receiver") as receiver:
            console.print(f"Sandbox providers listen at {sandbox_url}; nothing leaves this machine.")
            console.print(f"They call the receiver at {receiver.url}.")
            tell_providers_whom_to_call(sandbox_url, receiver.url)
            if not send_and_reconcile(sandbox_url, console):
                return 1
        truth = httpx.get(f"{sandbox_url}/truth", timeout=60).raise_for_status().json()
    console.rule("the ledger beside what became of it in the sandbox")
    from deployments.comparison import compare_with_truth, show_comparisons  # noqa: PLC0415  # see below

    comparisons = compare_with_truth(truth, WORDS)
    show_comparisons(comparisons, console)
    console.print(f"The reports, pages to open in a browser, lie in {DEMO_DIRECTORY / 'reports'}.")
    return 0 if all(comparison.agrees for comparison in comparisons) else 1


def send_and_reconcile(sandbox_url: str, console: Console) -> bool:
    """The commands that a user types; False when one of them was refused."""
    # Imported when the environment is set: Prefect reads its settings once.
    from flows.reconcile_command import main_reconcile_deliveries  # noqa: PLC0415
    from flows.terminal import ExitCode, main_send_campaign  # noqa: PLC0415

    for campaign in CAMPAIGNS:
        console.rule(f"python -m flows.send_campaign {campaign}")
        if main_send_campaign([campaign]) is ExitCode.REFUSED:
            return False
    console.rule("waiting for the providers' callbacks")
    console.print(f"{wait_for_callbacks(sandbox_url):,} callbacks were made.")
    report = httpx.get(f"{sandbox_url}/indigitall-control/report.csv", timeout=60).raise_for_status()
    CONSOLE_REPORT.write_bytes(report.content)
    commands = [["--campaign", "order-update", "--report", str(CONSOLE_REPORT)], *[["--ask-now"]] * _MOST_ROUNDS]
    for command in commands:
        if not count_open_messages():
            break
        console.rule(f"python -m flows.reconcile_deliveries {' '.join(command)}")
        if main_reconcile_deliveries(command) is ExitCode.REFUSED:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
