"""Who may send, and who has to stop."""

import time

import pytest

from tasks import ownership
from tasks.dispatch import hand_over_free_chunks
from tasks.flow_run_watch import FlowRunWatch, Verdict
from tasks.store import control, leadership, leases
from tests.conftest import make_database
from tests.test_sender import Sending

TWO_LOOKS_SECONDS = 2.5


@pytest.fixture
def database_url(request):
    return make_database("sqlite", request)


@pytest.fixture
def run(ledger):
    """A run of three people that nobody sends."""
    sending = Sending(ledger, 3)
    with ledger.writing() as connection:
        leadership.release_run(connection, sending.run.id, sending.owner, error=None)
    return sending.run


def test_who_stood_still_for_too_long_may_never_send_again_whatever_is_renewed(ledger, run):
    with ownership.owned_run(run.id), ownership.joined_run(run.id) as helper:
        assert ownership.why_stop(helper) is None
        stalled = leases.LEASE.total_seconds() + 1
        ownership._tenures[helper].renewed_at -= stalled  # noqa: SLF001  # no test can stand still for a minute
        time.sleep(TWO_LOOKS_SECONDS)
        assert ownership.why_stop(helper).reason == "stalled"


def test_a_cancelled_flow_run_stops_those_who_help_before_its_own_requests_have_ended(run):
    with ownership.owned_run(run.id) as leader, ownership.joined_run(run.id) as helper:
        FlowRunWatch("test 1", run.id, leader.owner).obey(Verdict.CANCELLED)
        time.sleep(TWO_LOOKS_SECONDS)
        assert ownership.why_stop(leader.owner).reason == "cancelled"
        assert ownership.why_stop(helper).reason == "not_led"


def test_nobody_can_join_who_sends_only_a_portion(run):
    with ownership.owned_run(run.id, alone=True), pytest.raises(ownership.RunNotLed):  # noqa: SIM117
        with ownership.joined_run(run.id):
            pytest.fail("joined")


def test_who_finds_the_run_paused_says_so(ledger, run):
    with ownership.owned_run(run.id), ownership.joined_run(run.id) as helper:
        with ledger.writing() as connection:
            control.pause_run(connection, run.id, by="Ada")
        assert "was paused" in hand_over_free_chunks(run.id, helper)


def test_a_pause_that_could_not_be_written_is_written_at_the_next_look(ledger, run, monkeypatch, database_url):
    watch = FlowRunWatch("test 1", run.id, "me")
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Exception, match="cannot be opened"):
        watch.obey(Verdict.PAUSED)
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", database_url)
    watch.obey(Verdict.PAUSED)
    with ledger.reading() as connection:
        assert "Prefect flow run test 1" in leadership.read_standing(connection, run.id).held_back
