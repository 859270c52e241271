"""What moves to the next provider when one is out of order, and what does not."""

import threading
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from tasks.messaging.statuses import MessageStatus
from tasks.store import chunks, outbox, outstanding, rerouting
from tasks.store.outbox import RecordedOutcome, RequestToOpen
from tasks.store.tables import Chunk, ChunkState, Message, ProviderRequest
from tests import claims

MESSAGE, CHUNK, REQUEST = (table.__table__ for table in (Message, Chunk, ProviderRequest))
DOWN = "octopush is down"


@pytest.fixture
def move(ledger):
    def move_away(run, provider="octopush", out=()):
        with ledger.writing() as connection:
            return rerouting.move_to_fallbacks(connection, run.id, provider, why=DOWN, out=out)

    return move_away


def messages_of(ledger, chunk_id):
    with ledger.reading() as connection:
        rows = select(MESSAGE.c.id, MESSAGE.c.status, MESSAGE.c.provider, MESSAGE.c.request_id, MESSAGE.c.attempts)
        return connection.execute(rows.where(MESSAGE.c.chunk_id == chunk_id).order_by(MESSAGE.c.id)).all()


def chunk_of(ledger, chunk_id):
    with ledger.reading() as connection:
        wanted = select(CHUNK.c.state, CHUNK.c.provider, CHUNK.c.fallbacks)
        return tuple(connection.execute(wanted.where(CHUNK.c.id == chunk_id)).one())


def test_only_what_is_planned_in_a_chunk_that_nobody_works_on_goes_to_the_next_provider(ledger, plan, move):
    route = ["octopush", "bird", "dripcel"]
    run, [tried, at_work, elsewhere] = plan(5, 2, 2, routes=[route, route, ["bird", "dripcel"]])
    ids = [row.id for row in messages_of(ledger, tried)]
    outcomes = [
        RecordedOutcome(ids[0], 1, MessageStatus.ACCEPTED, provider_message_id="x"),
        RecordedOutcome(ids[1], 1, MessageStatus.UNKNOWN),
        RecordedOutcome(ids[2], 1, MessageStatus.REJECTED),
        RecordedOutcome(ids[3], 1, MessageStatus.PLANNED, reason="no_credit"),
    ]
    with ledger.writing() as connection:
        claims.claim(connection, run, tried, ids[:4], [RequestToOpen(f"{run.token}-2-1", ids[:4])])
        outbox.record_outcomes(connection, tried, outcomes)
        chunks.release_chunk(connection, tried, "me")
        chunks.claim_chunk(connection, at_work, "other")
    assert move(run) == {"bird": 2}
    rows = messages_of(ledger, tried)
    assert [row.provider for row in rows] == ["octopush", "octopush", "octopush", "bird", "bird"]
    assert [row.request_id is None for row in rows] == [False, False, False, True, True]
    assert chunk_of(ledger, tried) == ("planned", "bird", "dripcel")
    assert chunk_of(ledger, at_work) == ("claimed", "octopush", "bird,dripcel")
    assert {row.provider for row in messages_of(ledger, at_work)} == {"octopush"}
    assert chunk_of(ledger, elsewhere) == ("planned", "bird", "dripcel")


def test_who_is_out_of_order_too_is_passed_over_and_without_anybody_left_it_stays(ledger, plan, move):
    run, [long, short, alone] = plan(
        2, 2, 2, routes=[["octopush", "bird", "dripcel"], ["octopush", "bird"], ["octopush"]]
    )
    assert move(run, out=["bird"]) == {"dripcel": 2}
    assert chunk_of(ledger, long) == ("planned", "dripcel", None)
    assert chunk_of(ledger, short) == ("planned", "octopush", "bird")
    assert chunk_of(ledger, alone) == ("planned", "octopush", None)
    with ledger.writing() as connection:
        assert rerouting.waiting_for(connection, run.id, ["octopush", "bird"]) == ["octopush"]
        assert chunks.providers_to_take(connection, run.id) == ["dripcel", "octopush"]
        assert chunks.take_chunk(connection, run.id, "me", not_through=["octopush", "bird"]) == long
        assert chunks.take_chunk(connection, run.id, "other", not_through=["octopush", "bird"]) is None


def test_moving_twice_moves_nothing_more_and_is_told_once(ledger, plan, move):
    run, [_] = plan(3, routes=[["octopush", "bird"]])
    assert [move(run), move(run)] == [{"bird": 3}, {}]
    with ledger.reading() as connection:
        [told] = rerouting.read_reroutings(connection, run.id)
    assert (told.from_provider, told.to_provider, told.messages, told.why) == ("octopush", "bird", 3, DOWN)


def test_a_message_that_never_arrived_is_planned_for_whoever_its_chunk_is_for_by_now(ledger, plan, move):
    run, [chunk] = plan(2, routes=[["octopush", "bird"]])
    lost, left = [row.id for row in messages_of(ledger, chunk)]
    with ledger.writing() as connection:
        claims.claim(connection, run, chunk, [lost])
        outbox.record_outcomes(connection, chunk, [RecordedOutcome(lost, 1, MessageStatus.UNKNOWN)])
        chunks.release_chunk(connection, chunk, "me")
    move(run)
    assert [row.provider for row in messages_of(ledger, chunk)] == ["octopush", "bird"]
    with ledger.writing() as connection:
        of_lost = {"statuses": [MessageStatus.UNKNOWN], "at_least_old": timedelta(0), "limit": 9}
        of_lost["longest_pause"] = timedelta(hours=1)
        assert outstanding.claim_questions(connection, run.id, "bird", **of_lost) == []
        assert [one.id for one in outstanding.claim_questions(connection, run.id, "octopush", **of_lost)] == [lost]
        assert outstanding.plan_again(connection, run.id, {lost: 1}, reason="never_arrived") == 1
    assert [row.provider for row in messages_of(ledger, chunk)] == ["bird", "bird"]
    with ledger.writing() as connection:
        assert claims.claim(connection, run, chunk, [lost, left], through="bird").message_ids == {lost, left}


def test_a_sender_that_is_connected_to_another_provider_than_the_chunk_is_for_gets_nothing(ledger, plan, move):
    run, [chunk] = plan(2, routes=[["octopush", "bird"]])
    move(run)
    ids = [row.id for row in messages_of(ledger, chunk)]
    with ledger.writing() as connection:
        assert not claims.claim(connection, run, chunk, ids, through="octopush").is_ours
    assert {row.status for row in messages_of(ledger, chunk)} == {MessageStatus.PLANNED}


def test_what_a_sender_that_stood_still_gives_back_late_goes_through_the_new_provider(ledger, plan, move):
    run, [chunk] = plan(1, routes=[["octopush", "bird"]])
    [one] = messages_of(ledger, chunk)
    with ledger.writing() as connection:
        claims.claim(connection, run, chunk, [one.id], owner=claims.DEAD)
        chunks.settle_abandoned(connection, run.id)
    move(run)
    with ledger.writing() as connection:  # it wakes up: its request surely did not leave
        outbox.record_outcomes(connection, chunk, [RecordedOutcome(one.id, 1, MessageStatus.PLANNED)])
        claims.claim(connection, run, chunk, [one.id], through="bird")
    [now] = messages_of(ledger, chunk)
    assert (now.status, now.provider, now.attempts) == (MessageStatus.SENDING, "bird", 2)


def test_the_id_that_one_provider_tells_late_is_not_the_id_of_the_other_one(ledger, plan, move):
    """The first sender stood still, what it had sent was looked up too early, and it went to the next provider."""
    run, [chunk] = plan(1, routes=[["octopush", "bird"]])
    [one] = messages_of(ledger, chunk)
    late = RecordedOutcome(
        one.id, 1, MessageStatus.ACCEPTED, provider_message_id="of octopush", cost=Decimal("0.05")
    )
    with ledger.writing() as connection:
        claims.claim(connection, run, chunk, [one.id], owner=claims.DEAD)
        chunks.settle_abandoned(connection, run.id)
        outstanding.plan_again(connection, run.id, {one.id: 1}, reason="never_arrived")
    move(run)
    with ledger.writing() as connection:
        claims.claim(connection, run, chunk, [one.id], through="bird")
        outbox.record_outcomes(connection, chunk, [late], through="octopush")
    told = select(MESSAGE.c.status, MESSAGE.c.provider, MESSAGE.c.provider_message_id, MESSAGE.c.cost)
    with ledger.writing() as connection:
        assert connection.execute(told).one() == ("accepted", "bird", None, None)
        own = RecordedOutcome(
            one.id, 2, MessageStatus.ACCEPTED, provider_message_id="of bird", cost=Decimal("0.03")
        )
        outbox.record_outcomes(connection, chunk, [own], through="bird")
        assert connection.execute(told).one() == ("accepted", "bird", "of bird", Decimal("0.03"))


def test_while_several_take_chunks_and_somebody_moves_them_every_claim_is_for_the_provider_of_its_chunk(
    ledger, plan
):
    run, chunk_ids = plan(*[2] * 12, routes=[["octopush", "bird"]] * 12)
    claimed: Counter[tuple[int, str]] = Counter()
    faults = []

    def send(owner):
        try:
            while True:
                with ledger.writing() as connection:
                    chunk = chunks.take_chunk(connection, run.id, owner)
                    if chunk is None:
                        return
                    provider = chunks.provider_of(connection, chunk)
                    ids = [message.id for message in outbox.planned_messages(connection, chunk)]
                with ledger.writing() as connection:
                    claim = outbox.claim_messages(
                        connection,
                        chunk,
                        run.id,
                        ids,
                        [],
                        owner=owner,
                        channel=run.channel,
                        purpose=run.purpose,
                        through=provider,
                    )
                    claimed.update((message_id, provider) for message_id in claim.message_ids)
                with ledger.writing() as connection:
                    chunks.release_chunk(connection, chunk, owner)
        except Exception as error:  # noqa: BLE001  # shown below
            faults.append(error)

    def fail_over():
        try:
            for _ in range(3):
                with ledger.writing() as connection:
                    rerouting.move_to_fallbacks(connection, run.id, "octopush", why=DOWN)
        except Exception as error:  # noqa: BLE001  # shown below
            faults.append(error)

    threads = [threading.Thread(target=send, args=(f"sender {n}",)) for n in range(3)]
    threads.append(threading.Thread(target=fail_over))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    in_ledger = {(row.id, row.provider) for chunk in chunk_ids for row in messages_of(ledger, chunk)}
    assert set(claimed) == in_ledger
    assert set(claimed.values()) == {1}
    with ledger.reading() as connection:
        states = connection.execute(select(CHUNK.c.state.distinct())).scalars().all()
    assert states == [ChunkState.DONE]


def test_a_leader_waits_for_others_only_while_what_they_have_can_still_go_somewhere(ledger, plan):
    run, [one, _] = plan(1, 1, routes=[["octopush", "bird"], ["octopush"]])
    with ledger.writing() as connection:
        assert not rerouting.can_still_go_elsewhere(connection, run.id, "leader", [])
        chunks.claim_chunk(connection, one, "helper")
        assert rerouting.can_still_go_elsewhere(connection, run.id, "leader", ["octopush"])
        assert not rerouting.can_still_go_elsewhere(connection, run.id, "leader", ["octopush", "bird"])
        assert not rerouting.can_still_go_elsewhere(connection, run.id, "helper", [])
        connection.execute(update(CHUNK).values(fallbacks=None))
        assert not rerouting.can_still_go_elsewhere(connection, run.id, "leader", ["octopush"])


def test_what_waits_for_a_sender_is_left_unless_it_was_tried_or_has_nowhere_to_go(ledger, plan, move):
    run, [first, _] = plan(2, 2, routes=[["octopush", "bird"], ["octopush"]])

    def is_any_left(tried, *out):
        with ledger.reading() as connection:
            return rerouting.is_any_left(connection, run.id, tried, out)

    both = dict.fromkeys(chunk_ids(ledger), "octopush")
    assert is_any_left({})
    assert is_any_left({first: "octopush"})
    assert not is_any_left(both)
    assert is_any_left({}, "octopush")
    assert not is_any_left({}, "octopush", "bird")
    move(run)
    assert is_any_left(both, "octopush")
    assert chunk_of(ledger, first)[1] == "bird"
    with ledger.writing() as connection:
        chunks.claim_chunk(connection, first, "other")
    assert not is_any_left(both, "octopush")


def chunk_ids(ledger):
    with ledger.reading() as connection:
        return list(connection.execute(select(CHUNK.c.id)).scalars())
