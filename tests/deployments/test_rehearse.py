"""A rehearsal makes its directory anew, and never deletes what is not its own."""

import os
import subprocess
import sys

import pytest

from deployments.rehearse import NoPlaceToRehearse, main, make_anew


def test_the_directory_of_an_earlier_rehearsal_is_made_anew(tmp_path):
    directory = tmp_path / "rehearsal"
    for _ in range(2):
        make_anew(directory)
        assert not (directory / "rollcall.db").exists()
        (directory / "rollcall.db").touch()


def test_a_directory_with_anything_else_in_it_stays_as_it_is(tmp_path):
    (tmp_path / "contacts.csv").touch()
    with pytest.raises(NoPlaceToRehearse, match="holds something else"):
        make_anew(tmp_path)
    assert main(["campaign.yaml", "--directory", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["contacts.csv"]


def test_the_real_ledger_is_not_deleted_where_it_lies_in_that_directory(tmp_path, monkeypatch):
    make_anew(tmp_path / "rehearsal")
    ledger = tmp_path / "rehearsal" / "real.db"
    ledger.touch()
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", f"sqlite:///{ledger}")
    with pytest.raises(NoPlaceToRehearse, match="the real ledger is in"):
        make_anew(tmp_path / "rehearsal")
    assert ledger.exists()


def test_a_ledger_that_cannot_be_read_is_refused_and_no_fault(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ROLLCALL_DATABASE_URL", "postgresql://somebody@127.0.0.1:9/ledger")
    assert main(["campaign.yaml", "--directory", str(tmp_path / "rehearsal")]) == 2
    assert "Refused, nothing was sent." in capsys.readouterr().out


def test_a_rehearsal_stays_out_of_the_prefect_of_real_campaigns(tmp_path):
    """Its server or, where one machine does it all, the database of that."""
    elsewhere = {
        "PREFECT_API_URL": "http://prefect.example.com/api",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://prefect.example.com/prefect",
        "ROLLCALL_DATABASE_URL": f"sqlite:///{tmp_path / 'real.db'}",
    }
    program = (
        "import os, pathlib; from deployments.rehearse import set_the_stage\n"
        f"set_the_stage(pathlib.Path({str(tmp_path / 'rehearsal')!r}), 'http://127.0.0.1:8765')\n"
        "print(*(name for name in os.environ if name.startswith('PREFECT_')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **elsewhere},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["PREFECT_HOME"]
