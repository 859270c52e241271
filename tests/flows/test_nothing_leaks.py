"""Campaigns that fail in every way; then all that came into being is searched for their secrets and addresses.

The ledger may hold addresses, which is its purpose, and never a secret. Nothing else may hold either.
"""

import csv
import json
import logging
import time
from pathlib import Path

import httpx
import pytest
import yaml
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, PREFECT_LOCAL_STORAGE_PATH
from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL as PREFECT_DATABASE_URL
from sqlalchemy import inspect, text

from deployments.receiver.server import running_receiver
from flows.reconcile_command import main_reconcile_deliveries, main_sync_opt_outs
from flows.terminal import main_send_campaign
from tests.flows.conftest import set_credentials
from tests.flows.echoing_provider import echoing_provider
from tests.flows.leak_search import Canaries, rows_of

SECRETS = {
    "OCTOPUSH_API_KEY": "canary/octopush+key=1",
    "DRIPCEL_API_KEY": "canary/dripcel+key=2",
    "INDIGITALL_SERVER_KEY": "0ca4a4f1-0000-4000-8000-00000ca4a4f3",
    "BIRD_ACCESS_KEY": "canary/bird+key=4",
    "BIRD_SIGNING_KEY": "canary-signing-key-5",
    "CALLBACK_SECRET": "canary-callback-secret-6",
}
PASSWORD, SIGNATURE = "canary-database-password-7", "canary-signature-8"
NUMBERS = [f"+12095550{number}" for number in range(160, 175)]
WORDS = ["zebulon.canary@example.org", "Zebulonius"]


@pytest.fixture
def database_url(postgresql_url, request, monkeypatch):
    from tests.conftest import make_database  # noqa: PLC0415

    url = make_database("postgresql", request).replace("postgres:@", f"postgres:{PASSWORD}@", 1)
    assert PASSWORD in url
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", url)
    return url


@pytest.fixture
def canaries(sandbox, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(f"ROLLCALL_{name}", value)
    monkeypatch.setenv("ROLLCALL_CONTACTS_URL", f"http://127.0.0.1:1/list.csv?X-Amz-Signature={SIGNATURE}")
    monkeypatch.setenv("COLUMNS", "4000")
    return Canaries(secrets=[*SECRETS.values(), PASSWORD, SIGNATURE], numbers=NUMBERS, words=WORDS)


class Scenes:
    """Commands that end badly, and what they printed."""

    def __init__(self, directory, capture, log) -> None:
        self._directory, self._capture, self._log = directory, capture, log
        self._count = 0
        self.printed = {}

    def contacts(self, name="contacts.csv", numbers=NUMBERS):
        path = self._directory / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["First name", "Mobile", "E-mail"])
            writer.writerows([WORDS[1], number, WORDS[0]] for number in numbers)
        return str(path)

    def send(self, provider, *, code, name=None, **changes):
        self._count += 1
        document = {
            "name": name or f"leaks {self._count}",
            "channel": "sms",
            "provider": provider,
            "purpose": "transactional",
            "text": "Hello",
            "audience": {"path": self.contacts()},
        } | changes
        if provider == "indigitall":
            document["template"] = {"id": "42"}
            del document["text"]
        path = self._directory / f"campaign {self._count}.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return self.run(main_send_campaign, str(path), code=code)

    def run(self, command, *arguments, code):
        ended = command([*arguments, "--verbose"])
        printed = self._capture.readouterr()
        said = printed.out + printed.err + self._log.text
        self._log.clear()
        self.printed[f"{command.__name__} {arguments} ({len(self.printed)})"] = said
        assert ended in code, said
        return said


@pytest.fixture
def scenes(tmp_path, capfd, caplog, monkeypatch, canaries):
    directory = tmp_path / "lists"
    directory.mkdir()
    monkeypatch.setenv("ROLLCALL_REQUEST_WAIT_SECONDS", "0")
    monkeypatch.setenv("ROLLCALL_CHUNK_RETRIES", "0")
    caplog.set_level("INFO")
    return Scenes(directory, capfd, caplog)


def refuse_to_plan(ledger):
    """Let the database refuse rows with a sentence and a detail that quote them."""
    with ledger.writing() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
                "'nobody writes to %', NEW.address USING DETAIL = 'Failing row: ' || CAST(NEW AS text); END $$"
            )
        )
        connection.execute(
            text("CREATE TRIGGER refuse BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION refuse()")
        )


def allow_to_plan(ledger):
    with ledger.writing() as connection:
        connection.execute(text("DROP TRIGGER refuse ON message"))


def test_no_secret_and_no_full_address_is_left_anywhere_by_campaigns_that_fail(
    sandbox, canaries, scenes, ledger, monkeypatch, tmp_path
):
    began = time.time()
    # refused before anything begins
    scenes.send("bird", code={2}, audience={"path": scenes.contacts(), "default_country": NUMBERS[0]})
    scenes.send("bird", code={2}, audience={"path": f"https://files.example.com/c.csv?token={SIGNATURE}"})
    scenes.send("bird", code={2}, audience={"path": "${ROLLCALL_CONTACTS_URL}"})
    scenes.send("bird", code={2}, **{NUMBERS[1]: WORDS[0]})
    unreadable = scenes.contacts("stops.csv", [f"{WORDS[0]} {NUMBERS[2]}", NUMBERS[3].removeprefix("+1")])
    said = scenes.send("bird", code={2}, audience={"path": scenes.contacts(), "suppressions": unreadable})
    assert "cannot be read as addresses" in said
    # credentials refused; a provider that is down; the database refuses
    scenes.send("octopush", code={3}, name="refused key")
    monkeypatch.setenv("ROLLCALL_BIRD_BASE_URL", "http://127.0.0.1:1")
    scenes.send("bird", code={3})
    refuse_to_plan(ledger)
    said = scenes.send("octopush", code={3})
    assert "nobody writes to" in said
    allow_to_plan(ledger)
    # a fault of ours, in the middle
    with ledger.writing() as connection:
        content = json.dumps({NUMBERS[4]: WORDS[0], "key": SECRETS["BIRD_ACCESS_KEY"]})
        connection.execute(
            text("UPDATE campaign_run SET options = CAST(:options AS json) WHERE name = 'refused key'"),
            {"options": content},
        )
    scenes.send("octopush", code={3}, name="refused key")
    # what a provider says quotes the request
    with echoing_provider([400, 200, 500, 401]) as url:
        set_credentials(monkeypatch, url)
        for name, value in SECRETS.items():
            monkeypatch.setenv(f"ROLLCALL_{name}", value)
        for provider in ("octopush", "bird", "dripcel", "indigitall"):
            scenes.send(provider, code={1, 3}, name=f"echo {provider}")
        with ledger.writing() as connection:
            connection.execute(text("UPDATE message SET status_at = status_at - interval '1 day'"))
            connection.execute(text("UPDATE message SET claimed_at = claimed_at - interval '1 day'"))
        tell_the_receiver(scenes)
        scenes.run(main_reconcile_deliveries, "--ask-now", code={1})
        scenes.run(main_sync_opt_outs, code={1})
    scenes.run(main_sync_opt_outs, unreadable, code={2})
    scenes.run(main_sync_opt_outs, f"sftp://ada:{PASSWORD}@127.0.0.1/stops.csv", code={2})
    scenes.run(main_reconcile_deliveries, "--report", unreadable, code={2})

    leaks = list(search(canaries, scenes, tmp_path, began))
    leaks += search_ledger(ledger)
    assert not leaks, "\n".join(leaks)


def tell_the_receiver(scenes):
    """Callbacks that cannot be read, and some of strangers."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # of this client here
    with running_receiver() as receiver, httpx.Client() as client:
        for provider, url in receiver.callback_urls.items():
            body = {
                "number": NUMBERS[5],
                "status": NUMBERS[6],
                "text": WORDS[0],
                "list_name": "x",
                "channel": "sms",
            }
            client.post(url, json=body)
            client.post(url, content=f"{NUMBERS[7]} {WORDS[0]}")
            client.post(f"{receiver.url}/callbacks/{provider}/wrong-{NUMBERS[8]}?to={NUMBERS[9]}", json=body)


def search(canaries, scenes, tmp_path, began):
    wait_for_prefects_log(began)
    for command, said in scenes.printed.items():
        yield from canaries.found_in(f"terminal of {command}", said)
    [database] = [Path(str(PREFECT_DATABASE_URL.value()).removeprefix("sqlite+aiosqlite:///"))]
    for table, row in rows_of(database):
        yield from canaries.found_in(f"Prefect's {table}", row)
    yield from canaries.found_below(
        database.parent, PREFECT_HOME.value(), PREFECT_LOCAL_STORAGE_PATH.value(), since=began
    )
    pages = list((tmp_path / "reports").rglob("*.html"))
    assert pages
    for page in pages:
        yield from canaries.found_in(str(page), page.read_bytes())


def search_ledger(ledger):
    """The ledger holds addresses, and no secret."""
    secrets = Canaries(secrets=[*SECRETS.values(), PASSWORD, SIGNATURE])
    with ledger.reading() as connection:
        tables = inspect(connection).get_table_names()
        assert "provider_request" in tables
        for table in tables:
            for row in connection.execute(text(f"SELECT * FROM {table} AS row")):  # noqa: S608  # names of its own
                if table == "campaign_run" and row.name == "refused key":
                    continue  # the test put one there
                yield from secrets.found_in(f"ledger, {table}", repr(row))


def wait_for_prefects_log(began):
    """Until the server has the last line of the last flow run: logs are sent in the background."""
    url = PREFECT_API_URL.value()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        found = httpx.post(f"{url}/flow_runs/filter", json={"sort": "START_TIME_DESC", "limit": 1}).json()
        logs = httpx.post(
            f"{url}/logs/filter", json={"logs": {"flow_run_id": {"any_": [found[0]["id"]]}}, "limit": 200}
        ).json()
        if any("Finished in state" in line["message"] for line in logs):
            return
        time.sleep(0.1)
    raise AssertionError("Prefect's log did not arrive")
