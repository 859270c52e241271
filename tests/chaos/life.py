"""One life: a campaign on a fresh ledger, from planning until everything is settled, and what disturbs it."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import itemgetter
from pathlib import Path

import httpx
from sqlalchemy import inspect, select, text, update
from sqlalchemy.exc import OperationalError

from deployments.receiver.server import RunningReceiver, running_receiver
from deployments.receiver.settings import ReceiverSettings
from tasks.store.session import Ledger
from tasks.store.tables import Message
from tests.chaos.combinations import CAMPAIGN, write_campaign
from tests.chaos.command_process import Command, CommandProcess, Injection, start, wait_for_all
from tests.chaos.failpoints import Action, Moment, Point, read_trace
from tests.chaos.mutants import Mutant
from tests.chaos.places import BEHIND, Place, PostgresqlServer, account_variables
from tests.chaos.plans import LifePlan, Step
from tests.chaos.verdict import Tally, Verdict, judge
from tests.flows.reconciling import SIGNING_KEY, WORKSPACE

_MOST_ROUNDS = 8
_LOOK_SECONDS = 0.02
_MOST_SECONDS = 60.0
"""Of one process. The longest that the product waits for a database is longer, but no trouble here lasts."""
_CALLBACK_SECONDS = 20.0
_SECRET = "a-secret-of-the-suite"  # made up


@dataclass(slots=True)
class Lived:
    """What a life came to.

    Attributes:
        verdict: What is wrong at its end, or was at an earlier moment at which nobody was sending.
        trouble: Why it did not come to an end, if it did not.
        traces: The points of its processes, by their names.
    """

    plan: LifePlan
    tally: Tally
    verdict: Verdict
    trouble: str | None = None
    traces: dict[str, list[Point]] = field(default_factory=dict)
    hits: dict[str, Point] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        can_settle_all = self.plan.combination.can_settle_all
        return not self.tally.goals_missed(can_settle_all=can_settle_all)


class LifeStuck(Exception):
    """A process hangs, or the life does not come to an end."""


class Life:
    """Lives a plan.

    Args:
        place: Where.
        plan: What happens.
        directory: For everything that is written; the caller keeps or deletes it.
        mutant: A fault that all its processes get.
    """

    def __init__(self, place: Place, plan: LifePlan, directory: Path, mutant: Mutant | None = None) -> None:
        self._place = place
        self._plan = plan
        self._combination = plan.combination
        self._provider = plan.combination.provider
        self._directory = directory
        self._mutant = mutant
        self._started = 0
        self._tally = Tally(lives=1, recipients=plan.combination.people)
        self._verdict = Verdict()
        self._lived = Lived(plan, self._tally, self._verdict)

    def live(self) -> Lived:
        """From planning until everything is settled."""
        began = time.monotonic()
        databases = self._place.databases(self._combination.database)
        with ExitStack() as stack:
            url = stack.enter_context(databases.fresh_database(self._directory.name))
            self._url = url
            self._ledger = stack.enter_context(Ledger(url))
            self._place.sandbox.reset()
            self._place.sandbox.switch(**{self._provider: self._plan.switches})
            stack.enter_context(self._receiver())
            self._campaign = write_campaign(self._directory, self._combination)
            self._variables = self._environment()
            try:
                for step in self._plan.steps:
                    self._take(step)
                    self._look()
                    if self._verdict.twice or self._verdict.lost:
                        break
                else:
                    if self._plan.is_settled_at_end:
                        self._settle()
            except LifeStuck as stuck:
                self._lived.trouble = str(stuck)
                self._tally.not_settled = 1
            self._count()
        self._tally.seconds = time.monotonic() - began
        return self._lived

    @contextmanager
    def _receiver(self) -> Iterator[None]:
        """Let the provider call us, if it does."""
        if self._provider not in {"octopush", "bird"}:
            yield
            return
        settings = ReceiverSettings(secret=_SECRET)
        with running_receiver(settings, database_url=self._url) as receiver:
            if self._provider == "octopush":
                self._place.sandbox.switch(octopush={"callback_url": receiver.callback_urls["octopush"]})
            else:
                self._subscribe(receiver)
            yield
            # Nobody is called who is not there any more.
            self._place.sandbox.reset()

    def _subscribe(self, receiver: RunningReceiver) -> None:
        for about in ("sms.outbound", "sms.inbound"):
            httpx.post(
                f"{self._place.sandbox.url}/bird/workspaces/{WORKSPACE}/webhook-subscriptions",
                json={
                    "service": "channels",
                    "event": about,
                    "url": receiver.callback_urls["bird"],
                    "signingKey": SIGNING_KEY,
                },
                headers={"Authorization": "AccessKey sandbox-bird-key"},
            ).raise_for_status()

    def _environment(self) -> dict[str, str]:
        return {
            **account_variables(self._place.sandbox.url),
            "CHAOS_SANDBOX_URL": self._place.sandbox.url,
            "ROLLCALL_DATABASE_URL": self._url,
            "ROLLCALL_REPORT_DIRECTORY": str(self._directory / "reports"),
            "ROLLCALL_REQUEST_WAIT_SECONDS": "2",
            "ROLLCALL_CHUNK_RETRY_SECONDS": "0",
        }

    def _start(self, word: str, injection: Injection) -> CommandProcess:
        self._started += 1
        command = {
            "send": Command(
                "flows.send_campaign",
                (str(self._campaign), "--chunk-size", str(self._combination.chunk_size)),
            ),
            "join": Command("flows.hand_over_chunks", (CAMPAIGN,)),
            "reconcile": Command("flows.reconcile_deliveries", ("--campaign", CAMPAIGN, "--ask-now")),
            "decide": Command(
                "flows.reconcile_deliveries",
                ("--campaign", CAMPAIGN, "--run-key", "1", "--unknown", "resend", "--yes"),
            ),
        }[word]
        name = f"{self._started:02}_{word}"
        return start(command, self._variables, self._directory, name, injection)

    def _take(self, step: Step) -> None:
        """Start the processes of a step, let happen what happens, and wait for their end."""
        if "reconcile" in step.commands:
            self._pass_time()
        self._place.sandbox.switch(**{self._provider: {"faults": self._plan.faults}})
        injections = [Injection(mutant=self._mutant) for _ in step.commands]
        injections[step.victim] = Injection(step.failpoint, self._mutant)
        processes = []
        for word, injection in zip(step.commands, injections, strict=True):
            if word == "join":
                self._wait_until_led(processes[0])
            processes.append(self._start(word, injection))
        victim = processes[step.victim]
        with self._troubles(step, victim):
            try:
                if step.all_die:
                    self._wait([victim])
                    for process in processes:
                        process.kill()
                self._wait(processes)
            finally:
                for process in processes:
                    self._close(process)
        self._place.sandbox.switch(**{self._provider: {"faults": {}}})

    def _wait_until_led(self, leader: CommandProcess) -> None:
        """Until there is something to join, or will be nothing."""
        led = text("SELECT count(*) FROM campaign_run WHERE owner IS NOT NULL")
        while leader.exit_code is None:
            leader.let_go_on()
            # The server may be crashing.
            with suppress(OperationalError), self._ledger.reading() as connection:
                if connection.execute(led).scalar_one():
                    return
            time.sleep(_LOOK_SECONDS)

    def _wait(self, processes: list[CommandProcess]) -> None:
        if not wait_for_all(processes, time.monotonic() + _MOST_SECONDS):
            hanging = [process for process in processes if process.exit_code is None]
            for process in hanging:
                process.show_where_it_hangs()
            raise LifeStuck(f"{', '.join(process.output.stem for process in hanging)} hangs")

    def _close(self, process: CommandProcess) -> None:
        process.close()
        points, hit = read_trace(process.trace)
        self._lived.traces[process.output.stem] = points
        if hit is not None:
            self._lived.hits[process.output.stem] = hit

    @contextmanager
    def _troubles(self, step: Step, victim: CommandProcess) -> Iterator[None]:
        """What happens at its time after the victim's first point, whatever the processes do meanwhile."""
        sandbox, databases = self._place.sandbox, self._place.databases(self._combination.database)
        events: list[tuple[float, Callable[[], object]]] = []
        if step.down_seconds is not None:
            self._tally.provider_down += 1
            events += zip(step.down_seconds, (sandbox.go, sandbox.come), strict=True)
        if step.kill_after_seconds is not None:
            events.append((step.kill_after_seconds, victim.kill))
        if step.cut_after_seconds and isinstance(databases, PostgresqlServer):
            self._tally.database_cuts += len(step.cut_after_seconds)
            events += [(at, partial(databases.cut_connections, self._url)) for at in step.cut_after_seconds]
        if step.crash_after_seconds is not None and isinstance(databases, PostgresqlServer):
            self._tally.database_cuts += 1
            events.append((step.crash_after_seconds, databases.crash))

        def happen() -> None:
            while victim.exit_code is None and not victim.has_begun:
                time.sleep(_LOOK_SECONDS)
            began = time.monotonic()
            for at, happens in sorted(events, key=itemgetter(0)):
                time.sleep(max(0.0, began + at - time.monotonic()))
                happens()

        happening = threading.Thread(target=happen, name="troubles", daemon=True)
        happening.start()
        try:
            yield
        finally:
            happening.join()
            if step.kill_after_seconds is not None and victim.exit_code == -signal.SIGKILL:
                self._tally.killed_anywhere += 1

    def _run(self, word: str) -> None:
        """Run a command, of which nothing keeps it from doing its work."""
        process = self._start(word, Injection(mutant=self._mutant))
        try:
            self._wait([process])
        finally:
            self._close(process)

    def _settle(self) -> None:
        """Run the same commands until nothing is left to do, as an operator or a schedule does."""
        for _ in range(_MOST_ROUNDS):
            before = self._statuses()
            if self._has_something_to_send(before):
                self._run("send")
            self._wait_for_callbacks()
            self._pass_time()
            self._run("reconcile")
            after = self._statuses()
            if not self._has_something_to_send(after) and (not after.get("unknown") or after == before):
                break
        else:
            raise LifeStuck(f"after {_MOST_ROUNDS} rounds it is {after}")
        if after.get("unknown") and self._provider == "octopush":
            # All callbacks came, so these never arrived; but no document of the provider says that one can know.
            self._tally.left_to_operator = after["unknown"]
            self._run("decide")
            self._run("send")
            self._wait_for_callbacks()
            self._pass_time()
            self._run("reconcile")
            after = self._statuses()
        if after.keys() & {"accepted", "scheduled", "sent"}:
            self._pass_time(hours=80)
            self._run("reconcile")
        left = self._statuses()
        if left.keys() & {"planned", "sending", "accepted", "scheduled", "sent"}:
            raise LifeStuck(f"at the end it is {left}")

    @staticmethod
    def _has_something_to_send(statuses: Mapping[str, int]) -> bool:
        return not statuses or bool(statuses.keys() & {"planned", "sending"})

    def _wait_for_callbacks(self) -> None:
        give_up_at = time.monotonic() + _CALLBACK_SECONDS
        while self._place.sandbox.callbacks_waiting(self._provider):
            if time.monotonic() > give_up_at:
                raise LifeStuck("callbacks are left")
            time.sleep(0.02)

    def _pass_time(self, hours: float = 0) -> None:
        """Let everything in the ledger that is of the last minutes be so old as it is for the provider.

        Args:
            hours: Let everything be so much older.
        """
        table, now = Message.__table__, datetime.now(UTC)  # type: ignore[attr-defined]  # SQLModel does not type it
        with self._ledger.writing() as connection:
            for row in connection.execute(select(table.c.id, table.c.claimed_at, table.c.status_at)).all():
                ago = timedelta(hours=hours)
                claimed_at = row.claimed_at
                if claimed_at is not None:
                    claimed_at -= ago + (BEHIND if now - claimed_at < BEHIND / 2 else timedelta(0))
                status_at = row.status_at - ago - (BEHIND if now - row.status_at < BEHIND / 2 else timedelta(0))
                connection.execute(
                    update(table)
                    .where(table.c.id == row.id)
                    .values(claimed_at=claimed_at, status_at=status_at, next_poll_at=None)
                )
            for name in ("campaign_run", "chunk"):
                if "lease_until" in {column["name"] for column in inspect(connection).get_columns(name)}:
                    connection.execute(
                        text(f"UPDATE {name} SET lease_until = :long_ago WHERE lease_until IS NOT NULL"),  # noqa: S608
                        {"long_ago": "2026-01-01 00:00:00.000000"},
                    )

    def _statuses(self) -> dict[str, int]:
        with self._ledger.reading() as connection:
            return dict(
                map(tuple, connection.execute(text("SELECT status, count(*) FROM message GROUP BY status")))
            )

    def _look(self, *, is_settled: bool = False) -> None:
        """Compare while nobody is sending. What was wrong once stays wrong, whatever becomes of it later."""
        truth = self._place.sandbox.truth(self._provider)
        self._verdict.add(judge(self._ledger, self._combination, truth, is_settled=is_settled))

    def _count(self) -> None:
        is_settled = self._plan.is_settled_at_end and self._lived.trouble is None and self._verdict.is_good
        self._look(is_settled=is_settled)
        tally, verdict = self._tally, self._verdict
        tally.twice, tally.lost = len(verdict.twice), len(verdict.lost)
        tally.contradictions, tally.unbalanced = len(verdict.contradictions), len(verdict.unbalanced)
        if is_settled:
            tally.unknown_left = self._statuses().get("unknown", 0)
        for step, hit in self._hits():
            match step.failpoint.action if step.failpoint else None:
                case Action.KILL if hit.moment in {Moment.BEFORE_COMMIT, Moment.AFTER_COMMIT}:
                    tally.killed_at_commits += 1
                case Action.KILL:
                    tally.killed_at_requests += 1
                case Action.CUT:
                    tally.database_cuts += 1
                case Action.FILL_DISK | Action.LIMIT_FILES:
                    tally.disk_full += 1
                case Action.TERMINATE | Action.STALL:
                    tally.other_deaths += 1

    def _hits(self) -> Iterator[tuple[Step, Point]]:
        """The steps in which something happened, and where."""
        first = 1
        for step in self._plan.steps:
            name = f"{first + step.victim:02}_{step.commands[step.victim]}"
            if name in self._lived.hits:
                yield step, self._lived.hits[name]
            first += len(step.commands)
