"""Which contact a row means, and that the same rows change nothing the second time, whatever the registry was."""

from collections import Counter
from copy import deepcopy

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.contact_rows import ContactRow, FileMemory, RefusedRow, RegistryRows, RowOutcome
from tasks.store.contacts import Entry

TEXTS = st.fixed_dictionaries(
    {},
    optional={
        "external_code": st.sampled_from("ABC"),
        "phone": st.sampled_from(["+1", "+2", "+3"]),
        "email": st.sampled_from(["a@", "b@", "c@"]),
        "first_name": st.sampled_from(["Ann", "Bob"]),
    },
)
# A row without a number is refused before it gets so far, and may opt out or switch off all the same.
ROWS = st.lists(
    st.builds(
        lambda texts, is_enabled, opts_out: ContactRow(
            texts, {}, is_enabled, tuple(name for name in ("phone", "email") if opts_out and name not in texts)
        ),
        TEXTS,
        st.sampled_from([None, True, False]),
        st.booleans(),
    ),
    max_size=7,
)


def take_over(
    registry: list[Entry], rows: list[ContactRow], rows_at_once: int, suppressed: set[str] | None = None
) -> list[str]:
    """Import rows into a registry that is a list, in batches; returns what became of each."""
    memory = FileMemory()
    told = []
    suppressed = set() if suppressed is None else suppressed
    for start in range(0, len(rows), rows_at_once):
        keys = {key for row in rows[start : start + rows_at_once] for key in row.texts.items()}
        known = RegistryRows([entry for entry in registry if keys & entry.texts.items()], memory)
        for row in rows[start : start + rows_at_once]:
            if "phone" not in row.texts:
                known.refuse(row)
                told.append("it has no number")
                continue
            try:
                told.append(str(known.take_over(row)))
            except RefusedRow as refused:
                told.append(str(refused))
        suppressed |= known.find_opted_out("phone") | known.find_opted_out("email")
        memory.note_added(range(len(registry) + 1, len(registry) + len(known.new) + 1))
        for entry in known.new:
            entry.id = len(registry) + 1
            registry.append(entry)
    return told


@settings(max_examples=300)
@given(known=st.lists(TEXTS, max_size=4), rows=ROWS, rows_at_once=st.integers(1, 4), again=st.integers(1, 4))
def test_the_same_rows_change_nothing_the_second_time(known, rows, rows_at_once, again):
    registry = [Entry(id_, dict(texts)) for id_, texts in enumerate(known, 1)]
    suppressed: set[str] = set()
    first = take_over(registry, rows, rows_at_once, suppressed)
    then = deepcopy(registry)
    suppressed_again: set[str] = set()
    second = take_over(registry, rows, again, suppressed_again)
    assert registry == then
    assert suppressed_again <= suppressed
    assert not {RowOutcome.NEW, RowOutcome.UPDATED} & set(second)
    known_words = {str(word) for word in RowOutcome}
    assert [told in known_words for told in first] == [told in known_words for told in second]


@given(rows=ROWS, rows_at_once=st.integers(1, 7))
def test_the_size_of_the_batches_changes_nothing(rows, rows_at_once):
    in_one, in_many = [], []
    assert take_over(in_one, rows, 7) == take_over(in_many, rows, rows_at_once)
    assert in_one == in_many


@given(rows=ROWS)
def test_no_code_is_in_the_registry_twice_and_nobody_gets_another_ones(rows):
    registry: list[Entry] = []
    take_over(registry, rows, 3)
    codes = Counter(entry.texts["external_code"] for entry in registry if "external_code" in entry.texts)
    assert set(codes.values()) <= {1}


def test_a_number_that_a_refused_row_wanted_is_not_freed_by_a_later_row():
    registry = [Entry(1, {"external_code": "A", "phone": "+1"})]
    rows = [
        ContactRow({"external_code": "B", "phone": "+1"}),
        ContactRow({"external_code": "A", "phone": "+2"}),
    ]
    assert take_over(registry, rows, 2) == [
        "the contact with this phone number has another external code",
        "an earlier row, which was refused, has the phone number that this row would replace",
    ]
