"""Searching by elimination: what was nobody's when it was asked for must still be so when it is written down."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Self

import pytest
from sqlalchemy import select, update

from tasks.messaging.reports import HandedOver, StatusReport
from tasks.messaging.statuses import Channel, MessageStatus, Purpose
from tasks.providers.reports import Finding, Verdict
from tasks.questions import RunQuestions
from tasks.reconcile import Findings
from tasks.store import outbox, runs
from tasks.store.outbox import RecordedOutcome
from tasks.store.tables import Message, utc_now
from tests.claims import claim
from tests.rows import columns_of

MESSAGE = Message.__table__
ANN = "+12125550101"


class Searching:
    """Finds one id at the provider for everybody who is asked for; things happen before the answer is there."""

    finds_by_elimination = True
    lookup_grace = timedelta(minutes=2)
    poll_pause = timedelta(hours=6)
    questions_at_once = 100

    def __init__(self, verdict: Verdict, meanwhile: Callable[[], None]) -> None:
        self._verdict = verdict
        self._meanwhile = meanwhile

    async def find(
        self, messages: Sequence[HandedOver], _known_ids: frozenset[str]
    ) -> AsyncIterator[Sequence[Finding]]:
        self._meanwhile()
        found = StatusReport(status=MessageStatus.SENT, raw_status="sent", provider_message_id="X")
        yield [
            Finding(
                reference=message.reference,
                verdict=self._verdict,
                report=found if self._verdict is Verdict.FOUND else None,
            )
            for message in messages
        ]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        return None


@pytest.fixture
def two_runs_to_ann(ledger):
    """Ann's message of run A is lost, that of run B is on the wire. Returns A; and of B run, chunk, message."""

    def plan(name):
        with ledger.writing() as connection:
            run, [chunk] = runs.create_run(
                connection,
                name=name,
                run_key="1",
                channel=Channel.SMS,
                provider="dripcel",
                purpose=Purpose.TRANSACTIONAL,
                rows_read=1,
                digest="",
                campaign={},
                content={},
                options={},
                source_sha256="",
                chunk_sizes=[1],
            )
            row = {"row_number": 2, "address": ANN, "country": "US", "parts": 1, "variables": None}
            runs.add_messages(connection, run, columns_of([row | {"external_code": None, "chunk_id": chunk}]))
            [message] = outbox.planned_messages(connection, chunk)
            claim(connection, run, chunk, [message.id])
        return run, chunk, message.id

    lost, lost_chunk, lost_message = plan("a")
    with ledger.writing() as connection:
        outbox.record_outcomes(connection, lost_chunk, [RecordedOutcome(lost_message, 1, MessageStatus.UNKNOWN)])
        long_ago = utc_now() - timedelta(minutes=5)
        connection.execute(update(MESSAGE).values(status_at=long_ago, claimed_at=long_ago))
    return lost, *plan("b")


def statuses(ledger):
    with ledger.reading() as connection:
        return connection.execute(select(MESSAGE.c.status).order_by(MESSAGE.c.id)).scalars().all()


@pytest.mark.parametrize("verdict", [Verdict.FOUND, Verdict.ABSENT])
@pytest.mark.parametrize("outcome", [MessageStatus.FAILED, MessageStatus.ACCEPTED])
def test_nothing_is_concluded_when_another_message_to_that_number_moved_meanwhile(
    ledger, two_runs_to_ann, verdict, outcome
):
    lost, _, chunk, message = two_runs_to_ann

    def answer():
        with ledger.writing() as connection:
            told = RecordedOutcome(
                message, 1, outcome, provider_message_id="X" if outcome is MessageStatus.ACCEPTED else None
            )
            outbox.record_outcomes(connection, chunk, [told])

    RunQuestions(ledger, lost, lost.provider, Searching(verdict, answer), Findings()).search_for()
    assert statuses(ledger)[0] == "unknown"


@pytest.mark.parametrize(("verdict", "status"), [(Verdict.FOUND, "sent"), (Verdict.ABSENT, "planned")])
def test_it_is_concluded_when_nothing_moved(ledger, two_runs_to_ann, verdict, status):
    lost, *_ = two_runs_to_ann
    RunQuestions(ledger, lost, lost.provider, Searching(verdict, lambda: None), Findings()).search_for()
    assert statuses(ledger)[0] == status
