"""What the command prints and its exit code, above all for bad input."""

import pytest
import yaml
from sqlalchemy import text

from flows.terminal import main_send_campaign
from tests.flows.conftest import set_credentials


@pytest.fixture
def command(tmp_path, contact_file, capsys, database_url, monkeypatch):
    """Run the command with a good campaign file and some changes; returns its exit code and what it printed."""
    monkeypatch.setenv("COLUMNS", "400")

    def run(*arguments, contacts=None, **changes):
        document = {
            "name": "spring",
            "channel": "sms",
            "provider": "octopush",
            "purpose": "transactional",
            "text": "Hello {{ first_name }}",
            "audience": {"path": str(contacts or contact_file(5))},
        }
        document = {key: value for key, value in (document | changes).items() if value is not ...}
        path = tmp_path / "campaign.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        code = main_send_campaign([str(path), *arguments])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def nothing_was_planned(ledger):
    with ledger.reading() as connection:
        return connection.execute(text("SELECT count(*) FROM campaign_run")).scalar_one() == 0


def write(tmp_path, content, name="list.csv"):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


PHONES = "Mobile,First name\n+12125550100,Ann\n"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"audience": {"path": "no/such/file.csv"}}, ["no/such/file.csv"], id="a missing contact file"
        ),
        pytest.param({"text": "Hello {{ fist_name }}"}, ["fist_name", "first_name"], id="an unknown variable"),
        pytest.param({"text": "Hello {{ first_name"}, ["line 1"], id="a broken template"),
        pytest.param({"txt": "x", "text": ...}, ["unknown key `txt`", "did you mean `text`"], id="an unknown key"),
        pytest.param({"text": ...}, ["nothing to send"], id="no content"),
        pytest.param({"name": ...}, ["name: is missing"], id="no name"),
        pytest.param(
            {"provider": "octopus"}, ["no provider `octopus`", "did you mean `octopush`"], id="no such provider"
        ),
        pytest.param({"channel": "fax"}, ["channel", "sms"], id="no such channel"),
        pytest.param(
            {"options": {"octopush": {"typ": "x"}}}, ["unknown key `typ`", "`type`"], id="an unknown option"
        ),
        pytest.param(
            {"options": {"bird": {}}}, ["options.bird", "provider is octopush"], id="another provider's options"
        ),
        pytest.param({"sender": "FarTooLongASender"}, ["sender", "3 to 11"], id="a sender that would be refused"),
        pytest.param(
            {"schedule": {"send_at": "2020-01-01T00:00:00+00:00"}},
            ["send_at", "max_lateness"],
            id="a schedule long gone",
        ),
        pytest.param(
            {"schedule": {"send_at": "2030-01-01T00:00:00"}}, ["schedule.send_at"], id="a time without a zone"
        ),
        pytest.param({"schedule": {"max_lateness": "soon"}}, ["`soon` is not a duration", "2h"], id="no duration"),
    ],
)
def test_a_campaign_that_cannot_be_sent_is_refused_with_one_clear_message(command, sandbox, ledger, changes, said):
    code, printed = command(**changes)
    assert code == 2
    for words in said:
        assert words in printed
    assert "Traceback" not in printed
    assert sandbox.received("octopush").total() == 0
    assert nothing_was_planned(ledger)


@pytest.mark.parametrize(
    ("content", "audience", "said"),
    [
        pytest.param("Who,What\nAnn,x\n", {}, ["Who", "What", "columns:"], id="no column with phones"),
        pytest.param(
            "Mobile,mobile phone\n1,2\n",
            {},
            ["Mobile", "mobile phone", "columns"],
            id="two columns for one meaning",
        ),
        pytest.param("Mobile,First name\n", {}, ["no rows"], id="no rows"),
        pytest.param("", {}, ["empty"], id="an empty file"),
        pytest.param(
            PHONES, {"default_country": "UK"}, ["default_country", "did you mean GB"], id="a wrong country code"
        ),
        pytest.param(
            PHONES,
            {"columns": {"phone": "Cell"}},
            ["Cell", "Mobile"],
            id="an override of a column that is not there",
        ),
        pytest.param(
            PHONES, {"unknown_contacts": "drop"}, ["unknown_contacts", "create", "skip"], id="a wrong choice"
        ),
        pytest.param(PHONES, {"suppressions": "nowhere.csv"}, ["nowhere.csv"], id="a missing suppression file"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_with_its_remedy(
    command, sandbox, ledger, tmp_path, content, audience, said
):
    path = write(tmp_path, content)
    code, printed = command(audience={"path": str(path), **audience})
    assert code == 2
    for words in said:
        assert words in printed
    assert "Traceback" not in printed
    assert sandbox.received("octopush").total() == 0
    assert nothing_was_planned(ledger)


def test_a_campaign_file_that_is_not_there(capsys, database_url):
    assert main_send_campaign(["nowhere.yaml"]) == 2
    assert "there is no such campaign file" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [("a: [", "not valid YAML"), ("- a\n", "not a campaign"), ("name: a\nname: b\n", "`name` occurs twice")],
)
def test_a_campaign_file_that_is_not_one(capsys, tmp_path, database_url, content, said):
    assert main_send_campaign([str(write(tmp_path, content, "campaign.yaml"))]) == 2
    assert said in capsys.readouterr().out.replace("\n", " ")


def test_missing_credentials_name_the_variables_and_the_block(command, sandbox, ledger, monkeypatch):
    monkeypatch.delenv("ROLLCALL_OCTOPUSH_API_KEY")
    code, printed = command()
    assert code == 2
    assert "ROLLCALL_OCTOPUSH_API_KEY" in printed
    assert "rollcall-octopush-credentials/rollcall" in printed
    assert nothing_was_planned(ledger)


def test_malformed_credentials_are_named_without_their_value(command, sandbox, monkeypatch):
    monkeypatch.setenv("ROLLCALL_BIRD_WORKSPACE_ID", "ws_not-a-uuid")
    code, printed = command(provider="bird")
    assert code == 2
    assert "ROLLCALL_BIRD_WORKSPACE_ID" in printed
    assert "ws_not-a-uuid" not in printed


def test_a_provider_that_is_down_stops_with_3_and_the_same_command_resumes(command, sandbox, ledger, monkeypatch):
    working_url = sandbox.url
    set_credentials(monkeypatch, "http://127.0.0.1:1")
    monkeypatch.setenv("ROLLCALL_REQUEST_WAIT_SECONDS", "0")
    code, printed = command()
    assert code == 3
    assert "The same command resumes" in printed
    assert "Traceback" not in printed
    set_credentials(monkeypatch, working_url)
    code, printed = command()
    assert code == 0
    assert sandbox.received("octopush").total() == 5


def test_the_second_time_sends_nothing_and_a_changed_text_is_refused(command, sandbox):
    assert command()[0] == 0
    assert command()[0] == 0
    code, printed = command(text="Bye")
    assert code == 2
    assert "text: 'Hello {{ first_name }}' -> 'Bye'" in printed
    assert "--run-key" in printed
    assert command("--run-key", "2", text="Bye")[0] == 0
    assert sandbox.received("octopush").total() == 10


def test_messages_that_need_attention_end_with_1(command, sandbox):
    sandbox.switch(octopush={"respond": ["normal", "lose_after"]})  # credit is asked for first
    code, printed = command()
    assert code == 1
    assert "unknown" in printed


def test_a_dry_run_shows_the_audience_and_a_digest_that_can_be_approved(command, sandbox, contact_file):
    contacts = contact_file(
        5, name="mess.csv", extra=[["Twin", "+1 212 555 0100", "", ""], ["Nobody", "", "", ""]]
    )
    audience = {"path": str(contacts)}
    code, printed = command("--dry-run", audience=audience)
    assert code == 0
    for words in (
        "nothing was sent",
        "Hello Person0",
        "the same address as row 2",
        "missing_address",
        "in 1 requests",
    ):
        assert words in printed
    assert "5550100" not in printed
    digest = printed.rpartition("--approve ")[2].strip()
    assert command("--approve", "0" * 16, audience=audience)[0] == 2
    assert command("--approve", digest, audience=audience)[0] == 0
    assert sandbox.received("octopush").total() == 5


def test_prefects_log_stays_off_the_terminal_unless_asked_for(command, sandbox):
    assert "Beginning flow run" not in command()[1]
