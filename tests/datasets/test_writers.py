import csv
import re

import pandas as pd
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tasks.datasets.readers import open_contacts
from tasks.datasets.writers import write_rejected_rows

CELLS = st.text(alphabet="'=+-@\t\r\n ;,ab1\"\uff1d\xa0\u200b\ufeff\x0b\x85\u202e", max_size=6)
UNSEEN = " \xa0\u200b\ufeff\x0b\x85\u202e"
PAYLOADS = [
    "=cmd|' /C calc'!A0",
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "\ufeff=HYPERLINK(1)",
    "\u200b \xa0=1+1",
    "Ada;=1+1",
    "Ada\t\u200b@x",
    "Ada\n'=1",
    "\t\t=1",
]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CELLS, min_size=1, max_size=6))
@example(PAYLOADS)
@example(["+46701740605", "'+46701740605", "=1+1", "''=x", " @a", "\tx"])
def test_no_cell_starts_a_formula_and_every_cell_reads_back_equal(tmp_path, cells):
    frame = pd.DataFrame(
        {"phone": cells, "reason": "invalid_address"}, index=pd.Index(range(2, 2 + len(cells)), name="row_number")
    )
    write_rejected_rows(tmp_path / "rejected.csv", frame)
    with (tmp_path / "rejected.csv").open(encoding="utf-8-sig", newline="") as file:
        written = [row[1] for row in csv.reader(file)][1:]
    assert not [
        segment
        for cell in written
        for segment in re.split("[;\t\r\n]", cell)
        if segment.lstrip(UNSEEN).startswith(("=", "+", "-", "@", "\uff1d")) or cell[:1] in {"\t", "\r", "\n"}
    ]
    with open_contacts(str(tmp_path / "rejected.csv")) as contacts:
        (batch,) = contacts.batches()
    assert batch.frame["phone"].tolist() == cells
    assert batch.frame["row_number"].tolist() == [str(number) for number in frame.index]


def test_rows_are_added_to_a_file_that_was_begun(tmp_path):
    path = tmp_path / "rejected.csv"
    write_rejected_rows(path, pd.DataFrame({"phone": ["+46701740605", None]}))
    write_rejected_rows(path, pd.DataFrame({"phone": ["Zo\u00eb"]}), append=True)
    with open_contacts(str(path)) as contacts:
        (batch,) = contacts.batches()
    assert batch.frame["phone"].tolist() == ["+46701740605", "Zo\u00eb"]


def test_a_header_starts_no_formula_and_reads_back_equal(tmp_path):
    names = ["=1+1", "phone", "+x", "'@y", "a;=b"]
    write_rejected_rows(tmp_path / "rejected.csv", pd.DataFrame({name: ["1"] for name in names}))
    first = (tmp_path / "rejected.csv").read_text(encoding="utf-8-sig").partition("\n")[0]
    assert first == '"\'=1+1","phone","\'+x","\'\'@y","a;\'=b"'
    with open_contacts(str(tmp_path / "rejected.csv")) as contacts:
        assert contacts.header == names
