"""The report that a person exports from indigitall's console, under header words that nobody has documented."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.sandbox import SandboxSettings, create_app
from tasks.messaging.content import Content
from tasks.messaging.statuses import MessageStatus
from tasks.providers.base import Batch
from tasks.providers.indigitall.adapter import Indigitall
from tasks.providers.indigitall.names import REPORT_HEADERS, ReportColumn
from tasks.providers.indigitall.phones import e164_of
from tasks.providers.indigitall.reader import IndigitallReader
from tasks.providers.indigitall.report import read_console_report
from tasks.providers.indigitall.statuses import read_word
from tasks.providers.reader import UnreadableReport
from tasks.providers.reports import StatusReport
from tests.providers.cases_indigitall import message
from tests.providers.problems_indigitall import FREE_TEXT

ROW = {
    "Sending ID": "5001",
    "Campaign ID": "101",
    "Campaign name": "Free text",
    "Phone": "701740605",
    "Country code": "46",
    "External code": "C-1",
    "Parts": "2",
    "Cost": "0.1",
    "Text": "Hello",
    "MCC-MNC": "240-01",
    "Network": "Test network",
    "Status": "DELIVRD",
    "Error description": "",
    "Sending type": "list",
    "Flash": "false",
    "Sent at": "2026-01-05T11:20:00.000Z",
    "Clicks": "0",
    "Custom data": "m-1",
}
REPORT = StatusReport(
    status=MessageStatus.DELIVERED,
    raw_status="DELIVRD",
    at=datetime(2026, 1, 5, 11, 20, tzinfo=UTC),
    reference="m-1",
    ticket="5001",
    address="+46701740605",
    cost=Decimal("0.1"),
)


def read(*rows: dict[str, str], **columns: str) -> list[StatusReport]:
    return list(IndigitallReader.read_report(rows, columns))


def test_a_row_says_what_became_of_one_message() -> None:
    assert read(ROW) == [REPORT]


def test_an_empty_report_says_nothing() -> None:
    assert read() == []


@given(st.permutations(list(ROW)), st.sampled_from(["as is", "snake", "camel", "upper", "padded"]))
def test_columns_are_recognised_in_any_order_and_spelling(order: list[str], spelling: str) -> None:
    def spell(header: str) -> str:
        words = header.lower().split()
        return {
            "as is": header,
            "snake": "_".join(words),
            "camel": words[0] + "".join(map(str.capitalize, words[1:])),
            "upper": header.upper(),
            "padded": f" {header}: ",
        }[spelling]

    assert read({spell(header): ROW[header] for header in order}) == [REPORT]


def test_every_known_header_word_is_recognised_as_its_column_and_no_other() -> None:
    seen: set[str] = set()
    for names in REPORT_HEADERS.values():
        assert not seen.intersection(names)
        seen.update(names)


def test_spanish_headers_are_recognised() -> None:
    row = {
        "ID del envío": "5001",
        "Teléfono": "701740605",
        "Código de país": "46",
        "Coste": "0,10",
        "Estado": "DELIVRD",
        "Fecha de envío": "05/01/2026 11:20",
        "Datos personalizados": "m-1",
    }
    assert read(row) == [REPORT]


def test_a_header_that_is_named_wins_over_one_that_is_recognised() -> None:
    row = {**ROW, "Status": "processed", "Carrier word": "UNDELIV"}
    assert [report.status for report in read(row, status="Carrier word")] == [MessageStatus.UNDELIVERED]


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        (["Status"], ["no column for status", '--column status="My header"']),
        (["Custom data", "Phone"], ["no column for custom_data, phone", '--column custom_data="My header"']),
        (["Custom data", "Sending ID", "Phone"], ["for custom_data, sending_id, phone", "it has 'Campaign ID'"]),
    ],
)
def test_a_report_without_a_column_that_is_needed_is_refused_by_its_name(
    left_out: list[str], said: list[str]
) -> None:
    row = {header: cell for header, cell in ROW.items() if header not in left_out}
    with pytest.raises(UnreadableReport) as refused:
        IndigitallReader.read_report([row])
    assert [words for words in said if words not in str(refused.value)] == []


@pytest.mark.parametrize("left_out", [["Custom data"], ["Sending ID", "Phone"]])
def test_either_of_the_two_keys_is_enough(left_out: list[str]) -> None:
    row = {header: cell for header, cell in ROW.items() if header not in left_out}
    [report] = read(row)
    assert report.status is MessageStatus.DELIVERED


def test_a_header_that_is_named_and_is_not_there_is_refused() -> None:
    with pytest.raises(UnreadableReport, match="status: the report has no column 'Estado'"):
        read(ROW, status="Estado")
    with pytest.raises(UnreadableReport, match="no such column: carrier; there are sending_id, phone"):
        read(ROW, carrier="Network")


def test_a_row_without_a_status_is_left_out() -> None:
    assert read({**ROW, "Status": " "}, ROW) == [REPORT]


def test_what_one_row_says_is_never_said_of_the_whole_sending() -> None:
    [report] = read({**ROW, "Custom data": "", "Phone": "private"})
    assert (report.reference, report.address, report.ticket) == (None, None, None)
    assert report.status is MessageStatus.DELIVERED


def test_without_custom_data_a_message_is_found_by_sending_and_number() -> None:
    [report] = read({**ROW, "Custom data": ""})
    assert (report.reference, report.ticket, report.address) == (None, "5001", "+46701740605")


@pytest.mark.parametrize(
    ("phone", "country", "e164"),
    [
        ("701740605", "46", "+46701740605"),
        ("70-174 06 05", "+46", "+46701740605"),
        ("0701740605", "46", "+46701740605"),
        ("701740605", "SE", "+46701740605"),
        ("46701740605", "46", "+46701740605"),
        ("46701740605", "", "+46701740605"),
        ("+46701740605", "", "+46701740605"),
        ("+46701740605", "34", "+46701740605"),
        ("0046701740605", "", "+46701740605"),
        ("'+46701740605", "46", "+46701740605"),
        ("701740605.0", "46.0", "+46701740605"),
        ("2025550101", "1", "+12025550101"),
        ("06 1234 5678", "39", "+390612345678"),  # an Italian zero stays
        ("4.67E+10", "46", None),
        ("701740605", "", None),
        ("ada", "46", None),
        ("", "46", None),
    ],
)
def test_a_number_is_put_together_from_what_is_told(phone: str, country: str, e164: str | None) -> None:
    assert e164_of(phone, country) == e164


@pytest.mark.parametrize(
    ("cell", "cost"),
    [
        ("0.05", "0.05"),
        ("0,05", "0.05"),
        (",05", "0.05"),
        ("€ 0,0450", "0.0450"),
        ("1.234,50 EUR", "1234.50"),
        ("0", "0"),
        ("", None),
        ("free", None),
        ("-0.05", None),
        ("1 of 2", None),
    ],
)
def test_a_cost_has_a_comma_or_a_point(cell: str, cost: str | None) -> None:
    [report] = read({**ROW, "Cost": cell})
    assert report.cost == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize(
    ("cell", "at"),
    [
        ("2026-01-05T11:20:00Z", datetime(2026, 1, 5, 11, 20, tzinfo=UTC)),
        ("2026-01-05T12:20:00+01:00", datetime(2026, 1, 5, 11, 20, tzinfo=UTC)),
        ("2026-01-05 11:20", datetime(2026, 1, 5, 11, 20, tzinfo=UTC)),
        ("2026-01-05 11:20:00 UTC", datetime(2026, 1, 5, 11, 20, tzinfo=UTC)),
        ("05/01/2026, 11:20:00", datetime(2026, 1, 5, 11, 20, tzinfo=UTC)),
        ("05-01-2026", datetime(2026, 1, 5, tzinfo=UTC)),
        ("12/31/2026", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_without_a_zone_is_utc_and_one_that_cannot_be_read_is_none(cell: str, at: datetime | None) -> None:
    [report] = read({**ROW, "Sent at": cell})
    assert report.at == at


@pytest.mark.parametrize(
    ("word", "description", "status", "reason"),
    [
        ("DELIVRD", "", MessageStatus.DELIVERED, None),
        ("delivrd", "blacklisted", MessageStatus.DELIVERED, None),
        ("UNDELIV", "", MessageStatus.UNDELIVERED, "not_delivered"),
        ("UNDELIV", "Absent subscriber", MessageStatus.UNDELIVERED, "not_delivered"),
        ("UNDELIV", "Número en lista negra", MessageStatus.UNDELIVERED, "opted_out"),
        ("REJECTD", "", MessageStatus.REJECTED, "refused_by_carrier"),
        ("REJECTD", "Blacklisted", MessageStatus.REJECTED, "opted_out"),
        ("REJECTD", "Recipient opted-out (STOP)", MessageStatus.REJECTED, "opted_out"),
        ("REJECTD", "Sender is blacklisted", MessageStatus.REJECTED, "sender_is_blacklisted"),
        ("REJECTD", "Enlace en lista negra", MessageStatus.REJECTED, "enlace_en_lista_negra"),
        ("REJECTD", "+46701740605 rejected: Invalid number", MessageStatus.REJECTED, "rejected_invalid_number"),
        ("REJECTD", "a b c d e f g", MessageStatus.REJECTED, "a_b_c_d_e"),
        ("EXPIRED", "", MessageStatus.UNDELIVERED, "expired"),
        ("DELETED", "", MessageStatus.CANCELLED, "deleted"),
        ("ACCEPTD", "", MessageStatus.SENT, None),
        ("ENROUTE", "", MessageStatus.SENT, None),
        ("UNKNOWN", "", None, None),
        ("SKIPPED", "blacklisted", None, None),
    ],
)
def test_the_words_of_carriers_go_through_the_table(
    word: str, description: str, status: MessageStatus | None, reason: str | None
) -> None:
    assert read_word(word, description) == (status, reason)


@given(st.lists(st.dictionaries(st.sampled_from(list(ROW)), st.text(max_size=30)), max_size=5))
def test_no_cell_breaks_the_reading(cells: list[dict[str, str]]) -> None:
    for report in read_console_report([ROW, *({**ROW, **some} for some in cells)]):
        assert report.raw_status
        assert report.ticket is None or report.reference or report.address


@pytest.mark.anyio
@pytest.mark.parametrize(
    "headers", ["english", "spanish", {"custom_data": "External reference", "status": "Delivery status"}]
)
async def test_the_sandboxs_report_answers_for_every_message(headers: str | dict[str, str]) -> None:
    numbers = [f"+120255501{digits:02}" for digits in range(40)]
    sandbox = create_app(
        SandboxSettings(
            indigitall={
                "report_headers": headers,
                "outcomes": {"DELIVRD": 6, "UNDELIV": 2, "REJECTD:Blacklisted": 2},
            }
        )
    )
    transport = httpx.ASGITransport(sandbox)
    credentials = Indigitall.Credentials(
        base_url="http://localhost/indigitall", server_key="00000000-0000-4000-8000-0000000000d1"
    )
    people = [message(f"m-{number}", number) for number in numbers]
    async with Indigitall(
        credentials, Content.model_validate(FREE_TEXT), Indigitall.Options(), transport=transport
    ) as indigitall:
        await indigitall.send(people, Batch("run7-1", None))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        text = (await client.get("/indigitall-control/report.csv")).text
        truth = (await client.get("/truth")).json()["indigitall"]["recipients"]
    reports = list(IndigitallReader.read_report(csv.DictReader(io.StringIO(text))))
    assert {report.reference: report.raw_status for report in reports} == {
        row["reference"]: row["status"] for row in truth
    }
    assert [report.address for report in reports] == numbers
    assert {report.status for report in reports} == {
        MessageStatus.DELIVERED,
        MessageStatus.UNDELIVERED,
        MessageStatus.REJECTED,
    }
    assert {report.reason for report in reports} == {None, "not_delivered", "opted_out"}
    assert {report.cost for report in reports} == {Decimal("0.05")}


def test_all_columns_that_are_needed_have_header_words() -> None:
    assert set(REPORT_HEADERS) == set(ReportColumn)
