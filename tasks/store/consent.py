"""Who must not be contacted, whoever tells it and in whatever order; and what people reply.

A suppression holds the time of the newest opt-out and of the newest opt-in that are known of an address. It is in
force while the opt-out is the newer of the two. Both times only grow, so the order in which they are learnt does
not matter.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, func, literal, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from tasks.contacts.addresses import ERASED_PREFIX, tidy_address
from tasks.messaging.reports import ConsentReport, ReplyReport, StatusReport
from tasks.messaging.statuses import Channel
from tasks.store.delivery import find_messages
from tasks.store.hashed_suppressions import stored_addresses
from tasks.store.registry import IS_IN_FORCE, suppressed_channels
from tasks.store.row_sets import as_table
from tasks.store.tables import Message, Reply, Suppression, SuppressionScope, utc_now
from tasks.store.texts import storable

_SUPPRESSION = Suppression.__table__  # type: ignore[attr-defined]  # SQLModel does not type it
_REPLY = Reply.__table__  # type: ignore[attr-defined]  # the same
_MESSAGE = Message.__table__  # type: ignore[attr-defined]  # the same

_LONGEST_ADDRESS = 320
_LONGEST_KEY = 200
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_KEY = (_SUPPRESSION.c.address, _SUPPRESSION.c.channel, _SUPPRESSION.c.scope)


def add_suppressions(
    connection: Connection,
    channel: Channel,
    addresses: Iterable[str],
    *,
    reason: str,
    source: str,
    scope: SuppressionScope = SuppressionScope.ALL,
) -> None:
    """Forbid these addresses, as of now: a list of people who must not be contacted holds whenever it is read.

    One that is forbidden already keeps its reason, source and time; one that was erased is kept as its hash.
    """
    # Each once: one statement may not change a row twice. In one order: two who do this wait, and not in a circle.
    wanted = as_table(connection, address=sorted(set(stored_addresses(connection, addresses).values())))
    values = {
        "channel": channel,
        "scope": scope,
        "reason": reason,
        "source": source,
        "effective_at": utc_now(),
    }
    rows = select(
        wanted.c.address, *(literal(value, _SUPPRESSION.c[name].type) for name, value in values.items())
    ).where(true())  # SQLite would take ON CONFLICT for the condition of a join
    added = _insert(connection).from_select(["address", *values], rows)
    connection.execute(
        added.on_conflict_do_update(index_elements=_KEY, set_=_taken_from(added), where=~IS_IN_FORCE)
    )


def record_consent(
    connection: Connection, provider: str, reports: Sequence[ConsentReport], received_at: Sequence[datetime]
) -> None:
    """Keep what people said about being contacted.

    Args:
        connection: A writing transaction.
        provider: Who told it.
        reports: What they said; an opt-out forbids every kind of message on its channel. Whoever has no address
            that a message could go to is left out.
        received_at: When each came, for those that do not say when.
    """
    opt_outs: list[dict[str, object]] = []
    opt_ins: list[dict[str, object]] = []
    for report, came_at in zip(reports, received_at, strict=True):
        address = tidy_address(report.address, is_email=report.channel is Channel.EMAIL)
        if address is None or len(address) > _LONGEST_ADDRESS:
            continue
        # Nothing happens after it was told: a clock that is ahead must not outlive the next word of the person.
        at = min(report.at or came_at, came_at)
        row: dict[str, object] = {
            "channel": report.channel,
            "address": address,
            "scope": SuppressionScope.ALL,
            "reason": "opted_in" if report.is_opt_in else "opted_out",
            "source": f"{provider}: {storable(report.source)}",
            "effective_at": at,
        }
        (opt_ins if report.is_opt_in else opt_outs).append(row)
    written = stored_addresses(connection, (str(row["address"]) for row in (*opt_outs, *opt_ins)))
    for row in (*opt_outs, *opt_ins):
        row["address"] = written[str(row["address"])]
    # In one order, as everybody locks them: two who learn of the same people wait, and not in a circle.
    opt_outs.sort(key=_place)
    opt_ins.sort(key=_place)
    if opt_outs:
        added = _insert(connection)
        is_newer = added.excluded.effective_at > _SUPPRESSION.c.effective_at
        connection.execute(
            added.on_conflict_do_update(index_elements=_KEY, set_=_taken_from(added), where=is_newer), opt_outs
        )
    for row in opt_ins:
        _lift(connection, row)


def _place(row: dict[str, object]) -> tuple[str, ...]:
    return str(row["address"]), str(row["channel"])


def _lift(connection: Connection, opt_in: dict[str, object]) -> None:
    """Note an opt-in on every suppression of the address; where there is none, as one that was lifted at once.

    That one is needed: the opt-out which the person takes back may be learnt later than this.
    """
    lifted = {"lifted_at": opt_in["effective_at"], "lifted_source": opt_in["source"]}
    added = _insert(connection)
    never_out = {**opt_in, **lifted, "effective_at": _LONG_AGO}
    connection.execute(added.on_conflict_do_nothing(index_elements=_KEY), [never_out])
    connection.execute(
        update(_SUPPRESSION)
        .where(
            _SUPPRESSION.c.address == opt_in["address"],
            _SUPPRESSION.c.channel.in_(suppressed_channels(Channel(str(opt_in["channel"])))),
            func.coalesce(_SUPPRESSION.c.lifted_at < opt_in["effective_at"], True),
        )
        .values(**lifted)
    )


def record_replies(
    connection: Connection, provider: str, reports: Sequence[ReplyReport], received_at: Sequence[datetime]
) -> None:
    """Keep replies, each once, and link them to the message that they answer.

    That is the message which the provider names; where it names none, the last one to that address. Of what
    somebody writes who was erased, neither the address nor the text is kept: only that there was an answer.
    """
    named = find_messages(
        connection,
        provider,
        [
            StatusReport(
                status=None,
                raw_status="",
                reference=report.reference,
                provider_message_id=report.provider_message_id,
                ticket=report.ticket,
                address=report.address,
            )
            for report in reports
        ],
    )
    last = _last_messages(connection, provider, {_address_of(report) for report in reports})
    written = stored_addresses(connection, map(_address_of, reports))
    erased = {address for address, kept in written.items() if kept != address}
    rows = [
        {
            "provider": provider,
            "address": ERASED_PREFIX if _address_of(report) in erased else _address_of(report)[:_LONGEST_ADDRESS],
            "text": "" if _address_of(report) in erased else storable(report.text),
            "received_at": report.at or came_at,
            "message_id": named[place][0] if place in named else last.get(_address_of(report)),
            "dedupe_key": f"{provider}:{storable(report.dedupe_key)}"[:_LONGEST_KEY],
        }
        for place, (report, came_at) in enumerate(zip(reports, received_at, strict=True))
    ]
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(
            dialect.insert(_REPLY).on_conflict_do_nothing(index_elements=[_REPLY.c.dedupe_key]), rows
        )


def _address_of(report: ReplyReport) -> str:
    tidy = tidy_address(report.address, is_email=report.channel is Channel.EMAIL)
    return tidy or storable(report.address)


def _last_messages(connection: Connection, provider: str, addresses: Iterable[str]) -> dict[str, int]:
    wanted = as_table(connection, address=sorted(addresses))
    found = connection.execute(
        select(_MESSAGE.c.address, func.max(_MESSAGE.c.id))
        .join_from(wanted, _MESSAGE, _MESSAGE.c.address == wanted.c.address)
        .where(_MESSAGE.c.provider == provider, _MESSAGE.c.claimed_at.is_not(None))
        .group_by(_MESSAGE.c.address)
    )
    return {address: message_id for address, message_id in found}  # noqa: C416  # rows are not pairs to dict()


def _insert(connection: Connection) -> postgresql.Insert | sqlite.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(_SUPPRESSION)
    return sqlite.insert(_SUPPRESSION)


def _taken_from(added: postgresql.Insert | sqlite.Insert) -> dict[str, object]:
    return {name: added.excluded[name] for name in ("reason", "source", "effective_at")}
