"""What an approval covers of a prepared audience, and which files are no seed files."""

from datetime import timedelta
from uuid import UUID

import pytest

from flows.parameters import parse_campaign
from tasks.datasets.readers import DatasetError
from tasks.messaging.statuses import Channel, MessageStatus
from tasks.opt_outs import read_suppression_list
from tasks.prepare import MOST_SEEDS, prepare_audience
from tasks.store import registry
from tasks.store.tables import utc_now
from tests.ledger_runs import add_run
from tests.rows import columns_of


@pytest.fixture
def prepare(tmp_path, ledger):
    """Prepare a campaign through Bird to these rows; the last prepared one."""

    def make(
        rows,
        *,
        header="Mobile,External code",
        seeds=None,
        seeds_header="Mobile",
        suppressions=None,
        changes=None,
        **receiver,
    ):
        path = tmp_path / "contacts.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        audience = {"path": str(path)}
        if suppressions is not None:
            audience["suppressions"] = str(tmp_path / "suppressions.csv")
            lines = "\n".join(["Mobile,External code", *suppressions, ""])
            (tmp_path / "suppressions.csv").write_text(lines, encoding="utf-8")
        if seeds is not None:
            audience["seeds"] = str(tmp_path / "seeds.csv")
            (tmp_path / "seeds.csv").write_text("\n".join([seeds_header, *seeds]) + "\n", encoding="utf-8")
        given = {"name": "t", "channel": "sms", "provider": "bird", "purpose": "transactional", "text": "Hello"}
        given |= changes or {}
        options = {"options": {"bird": {"receiver": receiver}}} if receiver else {}
        campaign = parse_campaign({**given, **options, "audience": audience})
        directory = tmp_path / "spool"
        directory.mkdir(exist_ok=True)
        return prepare_audience.fn(campaign.identity, campaign.audience, str(directory))

    return make


def test_the_digest_covers_the_contact_ids_that_a_provider_sends_to(prepare):
    digests = {
        prepare([f"+12125550100,{UUID(int=code)}"], identifier_key="contact_id").digest for code in (1, 2, 1)
    }
    assert len(digests) == 2


def test_a_list_that_is_given_as_seeds_is_refused_before_anybody_gets_it(prepare):
    people = [f"+1212555{n:04d}" for n in range(100, 100 + MOST_SEEDS)]
    assert prepare([people[0]], seeds=people).messages == 0
    people.append("+12135550100")
    with pytest.raises(DatasetError, match="more than 100 seeds"):
        prepare([people[0]], seeds=people)


@pytest.mark.parametrize("number", ["", "+12125550109"])
def test_a_seed_that_the_provider_knows_by_its_contact_id_gets_nothing_from_the_list(prepare, number):
    seed, other = UUID(int=0xABC), UUID(int=2)
    by_contact = {"seeds_header": "Mobile,External code", "identifier_key": "contact_id"}
    rows = [f"+12125550100,{str(seed).upper()}", f",{seed}", f"+12125550102,{other}"]
    prepared = prepare(rows, seeds=[f"{number},{seed}"], **by_contact)
    assert (prepared.messages, prepared.exclusions["duplicate"]) == (1, 2)
    assert prepare(rows, seeds=[f"{number},{other}"], **by_contact).digest != prepared.digest


def test_a_list_that_is_given_as_seeds_is_refused_also_when_it_has_nothing_but_contact_ids(prepare):
    people = [f",{UUID(int=number)}" for number in range(1, MOST_SEEDS + 2)]
    with pytest.raises(DatasetError, match="more than 100 seeds"):
        prepare([people[0]], seeds=people, seeds_header="Mobile,External code", identifier_key="contact_id")


@pytest.mark.parametrize(("opted_out", "messages"), [("", 2), ("yes", 1)])
def test_rows_of_one_contact_are_one_recipient_where_the_provider_sends_to_contacts(prepare, opted_out, messages):
    one, other = str(UUID(int=0xABC)), UUID(int=2)
    rows = [
        f"+12125550100,{one},",
        f"+12125550101,{one.upper()},{opted_out}",
        f",{one},",
        f"+12125550102,{other},",
    ]
    prepared = prepare(rows, header="Mobile,External code,Unsubscribed", identifier_key="contact_id")
    assert prepared.messages == messages
    assert prepared.exclusions["duplicate"] == 2
    assert prepared.exclusions["opted_out"] == 2 - messages
    assert prepare(rows, header="Mobile,External code,Unsubscribed").exclusions["duplicate"] == 0


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("number", ["+33123456789", "garbage", "+12125550102"])
def test_an_opt_out_counts_for_its_contact_in_a_row_that_gets_no_message_for_another_reason(
    prepare, number, is_first
):
    one, other = UUID(int=1), UUID(int=2)
    rows = [f"+12125550100,{one},", f"{number},{one},yes"]
    if is_first:
        rows.reverse()
    rows.insert(0, f"+12125550102,{other},yes")
    prepared = prepare(rows, header="Mobile,External code,Unsubscribed", identifier_key="contact_id")
    assert prepared.messages == 0
    assert prepared.exclusions["opted_out"] == 2


@pytest.mark.parametrize("number", ["", "+12125550100"])
def test_a_suppression_of_somebody_of_whom_only_the_contact_id_is_known_counts(prepare, number):
    one, other = UUID(int=1), UUID(int=2)
    rows = [f"{number},{one}", f"+12125550101,{other}"]
    prepared = prepare(rows, suppressions=[f",{one}"], identifier_key="contact_id")
    assert (prepared.messages, prepared.exclusions["opted_out"]) == (1, 1)


@pytest.mark.parametrize("changes", [{"options": {"bird": {"receiver": {"identifier_key": "contact_id"}}}}, {}])
def test_an_opt_out_by_contact_id_in_the_ledger_counts_for_the_number_in_whatever_letters(
    prepare, ledger, tmp_path, changes
):
    one, other = UUID(int=0xABC), UUID(int=2)
    (tmp_path / "stop.csv").write_text(f"Mobile,External code\n,{str(one).upper()}\n", encoding="utf-8")
    read_suppression_list.fn(str(tmp_path / "stop.csv"), Channel.SMS, None)
    prepared = prepare([f"+12125550100,{one}", f"+12125550101,{other}"], changes=changes)
    assert (prepared.messages, prepared.exclusions["opted_out"]) == (1, 1)


def test_an_approval_holds_while_the_same_people_are_capped_on_whatever_day_they_are_free_again(
    prepare, ledger, tmp_path
):
    (tmp_path / "earlier.csv").touch()
    cap = {"purpose": "marketing", "frequency_cap": {"messages": 1, "days": 30}}
    digests = set()
    for days_ago in (9, 5):
        at = {"status": MessageStatus.DELIVERED, "claimed_at": utc_now() - timedelta(days=days_ago)}
        had = {"row_number": 2, "address": "+12125550100"} | at
        add_run(ledger, tmp_path / "earlier.csv", [had], name=f"{days_ago} days ago")
        prepared = prepare(["+12125550100,", "+12125550101,"], changes=cap)
        assert prepared.exclusions["frequency_capped"] == 1
        digests.add(prepared.digest)
    assert len(digests) == 1


def test_a_plan_shows_and_counts_texts_of_those_who_get_a_message(prepare):
    """Not of those whom a later row of the file opts out."""
    rows = ["+12125550100,Žofia,", "+12125550101,Ada,", "+12125550100,Žofia,yes"]
    prepared = prepare(rows, header="Mobile,First name,Unsubscribed", changes={"text": "Hi {{ first_name }}"})
    assert (prepared.messages, prepared.parts, dict(prepared.encodings)) == (1, 1, {"gsm7": 1})
    assert (prepared.sample_texts, prepared.advice) == (["Hi Ada"], [])


ONE, TWO, THREE = "+46701740605", "+46701740606", "+46701740607"


@pytest.fixture
def prepare_by_code(prepare):
    """Prepare rows `number,code,opted out` for a provider that takes a code where there is no number."""

    def make(rows, **files):
        changes = {"provider": "indigitall"}
        return prepare(rows, header="Mobile,External code,Unsubscribed", changes=changes, **files)

    return make


@pytest.mark.parametrize(
    ("rows", "messages", "duplicates"),
    [
        pytest.param([f"{ONE},X,", ",X,"], 1, 1, id="code after number"),
        pytest.param([",X,", f"{ONE},X,"], 1, 1, id="number after code"),
        pytest.param([f"{ONE},X,", f"{TWO},X,"], 2, 0, id="two devices of a household"),
        pytest.param([f"{ONE},X,", ",X,", f"{TWO},X,", ",X,"], 2, 2, id="two devices, and the household"),
        pytest.param([f"{ONE},X,", f"{ONE},Y,", ",Y,"], 1, 2, id="one number under two codes"),
        pytest.param([",X,", ",x,", f"{ONE},x,"], 2, 1, id="codes that differ in a capital"),
        pytest.param(["12,X,", ",X,"], 1, 0, id="a number that is none"),
        pytest.param([f"{ONE},,", f"{TWO},,"], 2, 0, id="no code"),
    ],
)
def test_a_row_that_has_only_the_code_is_one_recipient_with_each_number_of_it(
    prepare_by_code, rows, messages, duplicates
):
    prepared = prepare_by_code(rows)
    assert (prepared.messages, prepared.exclusions["duplicate"]) == (messages, duplicates)


@pytest.mark.parametrize(
    ("rows", "messages"),
    [
        ([f"{ONE},X,", ",X,yes"], 0),
        ([f"{ONE},X,yes", ",X,"], 0),
        ([f"{ONE},X,", "12,X,yes"], 0),
        ([f"{ONE},Y,", f"{ONE},X,yes", ",X,"], 0),
        ([f"{ONE},X,", f"{TWO},X,yes"], 1),
        ([f"{ONE},X,", ",x,yes"], 1),
    ],
)
def test_an_opt_out_by_code_counts_for_the_numbers_of_the_code_and_theirs_for_the_code(
    prepare_by_code, rows, messages
):
    for others in (rows, rows[::-1]):
        prepared = prepare_by_code([*others, f"{THREE},Z,"])
        assert (prepared.messages, prepared.rows_read) == (messages + 1, len(rows) + 1)


def test_a_suppression_by_code_counts_for_the_numbers_of_the_code(prepare_by_code):
    prepared = prepare_by_code([f"{ONE},X,", ",Y,", f"{TWO},x,"], suppressions=[",X", ",Y"])
    assert (prepared.messages, prepared.exclusions["opted_out"]) == (1, 2)


@pytest.mark.parametrize(("seed", "messages"), [(",X", 1), (f"{THREE},X", 3)])
def test_a_seed_gets_nothing_from_the_list_by_its_code(prepare_by_code, seed, messages):
    rows = [f"{ONE},X,", f"{TWO},X,", ",Y,"]
    assert prepare_by_code(rows, seeds=[seed], seeds_header="Mobile,External code").messages == messages
    rows = [",X,", ",Y,"]
    assert prepare_by_code(rows, seeds=[seed], seeds_header="Mobile,External code").messages == 1


def test_whom_the_registry_knows_by_code_alone_is_known_and_may_be_switched_off(prepare_by_code, ledger):
    contacts = [{"external_code": code, "enabled": code != "X", "fields": {}} for code in ("X", "Y")]
    with ledger.writing() as connection:
        registry.add_contacts(connection, columns_of(contacts))
    prepared = prepare_by_code([",X,", ",Y,", ",Z,"])
    assert (prepared.messages, prepared.exclusions["disabled"], prepared.new_contacts) == (2, 1, 1)
