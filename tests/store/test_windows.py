"""Nothing leaves outside its window: what is read, what is claimed, and which runs go on by themselves."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text, update

from tasks.messaging.statuses import MessageStatus
from tasks.store import chunks, leadership, leases, outbox, outstanding, runs, windows
from tasks.store.tables import CampaignRun, Message, RunControl, RunState, SendingWindow, utc_now
from tasks.store.windows import HandOver, Held
from tests.claims import DEAD, claim

HOUR = timedelta(hours=1)
MESSAGE, RUN, WINDOW = Message.__table__, CampaignRun.__table__, SendingWindow.__table__


@pytest.fixture
def windowed(ledger, plan):
    """Plan a run with a chunk of a message for each of these windows; None is a message without one."""

    def make(*hand_overs: HandOver | None, name="spring"):
        run, (chunk,) = plan(len(hand_overs), name=name)
        with ledger.writing() as connection:
            messages = outbox.planned_messages(connection, chunk)
            for place, (message, hand_over) in enumerate(zip(messages, hand_overs, strict=True)):
                if hand_over is not None:
                    zones = (f"America/Place_{place}",)
                    window = windows.add_window(connection, run.id, "US", zones, hand_over)
                    connection.execute(update(MESSAGE).where(MESSAGE.c.id == message.id).values(window_id=window))
        return run, chunk, [message.id for message in messages]

    return make


def opened(hours_ago=1, hours_left=1):
    return HandOver(utc_now() - hours_ago * HOUR, utc_now() + hours_left * HOUR)


OVER = HandOver(utc_now() - 2 * HOUR, utc_now() - HOUR)
AHEAD = HandOver(utc_now() + HOUR, utc_now() + 2 * HOUR)
ENDLESS = HandOver(utc_now() - HOUR, None)
NEVER = HandOver(None, None, "no zone")


def test_only_messages_whose_window_is_open_are_due(ledger, windowed):
    _, chunk, ids = windowed(None, opened(), OVER, AHEAD, ENDLESS, NEVER)
    with ledger.reading() as connection:
        due = [message.id for message in outbox.planned_messages(connection, chunk)]
    assert due == [ids[0], ids[1], ids[4]]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_window_is_open_by_the_database_s_clock_whatever_that_of_the_sender_says(ledger, windowed):
    """Else it is not due for the sender, not held for the ledger, and the run waits for nobody knows what."""
    soon = HandOver(utc_now() + timedelta(seconds=30), utc_now() + HOUR)
    run, chunk, ids = windowed(soon)
    with ledger.writing() as connection:
        connection.execute(text("CREATE SCHEMA ahead"))
        clock = "CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
        connection.execute(text(f"{clock} $$ SELECT pg_catalog.clock_timestamp() + interval '1 minute' $$"))
        connection.execute(text("SET LOCAL search_path = ahead, public, pg_catalog"))
        assert windows.find_held(connection, run.id) is None
        assert [message.id for message in outbox.planned_messages(connection, chunk)] == ids
        assert chunks.providers_to_take(connection, run.id) == [run.provider]
        assert chunks.take_chunk(connection, run.id, "me") == chunk


def test_what_was_read_while_its_window_was_open_is_not_claimed_when_it_has_closed(ledger, windowed):
    run, chunk, ids = windowed(None, opened(), opened(), NEVER)
    with ledger.writing() as connection:
        _, second, *_ = windows.list_windows(connection, run.id)
        windows.set_window(connection, second.id, HandOver(utc_now() - HOUR, utc_now()))
        assert claim(connection, run, chunk, ids).message_ids == {ids[0], ids[1]}
    with ledger.writing() as connection:
        wanted = outbox.RequestToOpen("r-1", ids[2:])
        claimed = claim(connection, run, chunk, ids[2:], [wanted])
    assert not claimed.message_ids
    assert not claimed.request_ids
    with ledger.reading() as connection:
        counts = runs.count_statuses(connection, run.id)
    assert counts == {MessageStatus.SENDING: 2, MessageStatus.PLANNED: 2}


def test_a_chunk_of_which_all_is_held_is_nobodys_to_take(ledger, windowed):
    run, _, _ = windowed(AHEAD, NEVER)
    with ledger.writing() as connection:
        assert not chunks.providers_to_take(connection, run.id)
        assert chunks.take_chunk(connection, run.id, "me") is None
        first, _ = windows.list_windows(connection, run.id)
        windows.set_window(connection, first.id, opened())
        assert chunks.providers_to_take(connection, run.id)
        assert chunks.take_chunk(connection, run.id, "me") is not None


def test_what_is_sent_again_keeps_to_its_window_too(ledger, windowed):
    run, chunk, ids = windowed(opened())
    with ledger.writing() as connection:
        claim(connection, run, chunk, ids, owner=DEAD)
    with ledger.writing() as connection:
        chunks.settle_abandoned(connection, run.id)
        outstanding.plan_again(connection, run.id, None, reason="resend_decided")
        (window,) = windows.list_windows(connection, run.id)
        windows.set_window(connection, window.id, AHEAD)
        assert outbox.planned_messages(connection, chunk) == []
        assert not claim(connection, run, chunk, ids).message_ids


def test_windows_are_listed_with_their_zones_and_those_that_have_passed_apart(ledger, windowed):
    run, _, _ = windowed(OVER, AHEAD, NEVER, ENDLESS)
    with ledger.reading() as connection:
        listed = windows.list_windows(connection, run.id)
        passed = windows.list_windows(connection, run.id, passed_at=utc_now())
        to_judge = windows.list_windows(connection, run.id, passed_at=utc_now(), also_held_for_good=True)
    assert [window.zones for window in listed] == [(f"America/Place_{place}",) for place in range(4)]
    assert passed == listed[:1]
    assert to_judge == [listed[0], listed[2]]


def test_what_is_held_is_counted_by_instant_and_reason(ledger, windowed, plan):
    run, _, ids = windowed(None, opened(), AHEAD, AHEAD, NEVER)
    without_hours, _ = plan(1, name="other")
    with ledger.writing() as connection:
        held = windows.find_held(connection, run.id)
        connection.execute(update(MESSAGE).where(MESSAGE.c.id.in_(ids[2:])).values(status="cancelled"))
        assert windows.find_held(connection, run.id) is None
        assert windows.find_held(connection, without_hours.id) is None
    assert held == Held({AHEAD.not_before: {"US": 2}}, {"no zone": 1})
    assert (held.messages, held.until) == (3, AHEAD.not_before)


def test_a_window_has_opened_when_it_did_so_since_and_has_messages_left(ledger, windowed):
    run, _, ids = windowed(None, opened(), OVER, AHEAD, NEVER)
    since, now = utc_now() - timedelta(minutes=90), utc_now()
    with ledger.writing() as connection:
        assert windows.has_opened(connection, run.id, since, now)
        assert not windows.has_opened(connection, run.id, now - timedelta(minutes=5), now)
        assert windows.has_opened(connection, run.id, now, now + HOUR)
        connection.execute(update(MESSAGE).where(MESSAGE.c.id == ids[1]).values(status="accepted"))
        assert not windows.has_opened(connection, run.id, since, now)


def test_what_is_held_is_said_in_a_sentence():
    instants = [datetime.fromisoformat(f"2026-11-{day}T08:00:00+00:00") for day in (23, 24, 25, 26, 27)]
    assert Held({instants[0]: {"FR": 1200}}, {}).sentence == (
        "1,200 messages are held until 2026-11-23 08:00 UTC (FR)"
    )
    many = {"FR": 7, "": 8, **dict.fromkeys(("US", "CA", "ES", "IT", "DE"), 1)}
    sentence = Held({instants[0]: many, **{at: {"FR": 1} for at in instants[1:]}}, {"no zone": 1}).sentence
    assert sentence == (
        "20 messages are held until 2026-11-23 08:00 UTC (country unknown, FR, US, CA, ES, 2 more); "
        "1 message is held until 2026-11-24 08:00 UTC (FR); 1 message is held until 2026-11-25 08:00 UTC (FR); "
        "2 messages are held for longer, the last until 2026-11-27 08:00 UTC; "
        "1 message is held for good: no zone"
    )


ME = leases.process_name()


def release(connection, run, waits_until):
    leadership.acquire_run(connection, run.id, ME)
    leadership.release_run(connection, run.id, ME, error="held", waits_until=waits_until)


def test_runs_go_on_that_waited_for_a_window_alone_and_nobody_holds_back(ledger, plan):
    names = ["due", "earlier", "later", "no credit", "paused", "led", "died", "in part", "over"]
    found = {name: plan(1, name=name)[0] for name in names}
    now = utc_now()
    with ledger.writing() as connection:
        for name, run in found.items():
            release(connection, run, None if name == "no credit" else now + HOUR if name == "later" else now)
        release(connection, found["earlier"], now - HOUR)
        paused, over = found["paused"].id, found["over"].id
        connection.execute(update(RUN).where(RUN.c.id == paused).values(control=RunControl.PAUSE))
        leadership.acquire_run(connection, found["led"].id, ME)
        leadership.acquire_run(connection, found["died"].id, DEAD)
        leadership.acquire_run(connection, found["in part"].id, DEAD, in_part=True)
        connection.execute(update(MESSAGE).where(MESSAGE.c.run_id == over).values(status="delivered"))
        leadership.settle_run(connection, over)
        waiting = windows.runs_to_go_on_with(connection)
    assert waiting == [found[name].id for name in ("earlier", "due", "died")]


def test_the_run_whose_window_closes_first_goes_on_first(ledger, windowed):
    """They go out one after another, and a window that closes meanwhile opens again tomorrow only."""
    left = {"endless": ENDLESS, "evening": opened(hours_left=5), "soon": opened(hours_left=1), "over": OVER}
    found = {name: windowed(window, name=name)[0] for name, window in left.items()}
    with ledger.writing() as connection:
        for hours_ago, run in enumerate(reversed(found.values())):
            release(connection, run, utc_now() - hours_ago * HOUR)
        waiting = windows.runs_to_go_on_with(connection)
    assert waiting == [found[name].id for name in ("soon", "evening", "endless", "over")]


def test_a_run_whose_process_died_while_it_went_on_still_waits(ledger, plan):
    run, _ = plan(1)
    with ledger.writing() as connection:
        release(connection, run, utc_now())
        leadership.acquire_run(connection, run.id, DEAD)
        assert leadership.settle_run(connection, run.id) is RunState.STOPPED
        assert windows.runs_to_go_on_with(connection) == [run.id]
        leadership.acquire_run(connection, run.id, ME)
        leadership.release_run(connection, run.id, ME, error="no credit")
        assert windows.runs_to_go_on_with(connection) == []
