"""A rehearsal makes its directory anew, and never deletes what is not its own."""

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
