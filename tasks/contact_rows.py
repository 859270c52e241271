"""Rows of a contact file against the registry: which contact each one means, and what it says that is new.

A row means the contact with its external code, else with its phone number, else with its e-mail address. Nothing
is merged by guess: a row that would join two contacts, or that says otherwise than an earlier row of the same
contact, is refused. What a refused row forbids counts nevertheless, for whomever it means.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tasks.store.contacts import Entry

_KEYS = {"external_code": "external code", "phone": "phone number", "email": "e-mail address"}
_ADDRESSES = ("phone", "email")


class RowOutcome(StrEnum):
    """What became of a row of an imported file."""

    NEW = "new"
    """A contact was added."""
    UPDATED = "updated"
    """A known contact got new values."""
    UNCHANGED = "unchanged"
    """The registry knew all of it."""
    REFUSED = "refused"
    """Nothing of it is in the registry; an opt-out in it counts all the same, also one of a row that lacks its
    address, which switches its contact off, too."""


class RefusedRow(Exception):
    """A row that cannot be taken over; the message says why, without an address."""


@dataclass(frozen=True, slots=True)
class ContactRow:
    """What a row says of a contact.

    Attributes:
        texts: The filled ones of `TEXT_COLUMNS`, phone and e-mail normalised.
        fields: Its other filled cells, by column.
        is_enabled: False: switch it off. True: the file says explicitly that it is on. None: says nothing of it.
        opts_out_unnamed: Those of `phone, email` that it forbids without naming one that can be read: whatever
            its contact has there is meant.
    """

    texts: dict[str, str]
    fields: dict[str, str] = field(default_factory=dict)
    is_enabled: bool | None = None
    opts_out_unnamed: tuple[str, ...] = ()

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Its code and addresses, by which a contact is found."""
        return _keys_of(self.texts)


class FileMemory:
    """What has to be remembered of a file from batch to batch, so that importing it again changes nothing."""

    def __init__(self) -> None:
        self._added: list[range] = []
        self._spoken_for: set[int] = set()
        self.opted_out: dict[str, set[tuple[str, str]]] = {name: set() for name in _ADDRESSES}
        """Keys of contacts whose number, or e-mail address, must not be used, whichever it is or becomes."""
        self.switched_off: set[tuple[str, str]] = set()
        """Keys of contacts that a refused row switched off, known by then or not."""
        self.claimed: set[str] = set()
        """Codes and addresses of refused rows. No later row may take one of them from a contact that has it: it
        may be why the row was refused, and the same file would be taken differently the next time."""

    def is_spoken_for(self, entry: Entry) -> bool:
        """Whether an earlier row meant this contact."""
        if entry.id is None or entry.id in self._spoken_for:
            return True
        return any(entry.id in ids for ids in self._added)

    def note(self, entry: Entry) -> None:
        """A row means this contact."""
        if entry.id is not None:
            self._spoken_for.add(entry.id)

    def note_added(self, ids: range) -> None:
        """Contacts with these ids, and no others, were added because of rows of this file."""
        if self._added and self._added[-1].stop == ids.start:  # as long as nobody else adds any, one range
            ids = range(self._added.pop().start, ids.stop)
        self._added.append(ids)


class RegistryRows:
    """The part of the registry that a batch of rows may mean, kept true while its rows are taken over one by one.

    Args:
        entries: Every contact that has a code, number or e-mail address of the batch.
        memory: Of the file.
    """

    def __init__(self, entries: Iterable[Entry], memory: FileMemory) -> None:
        self._memory = memory
        self._by_key: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._loaded = list(entries)
        self.new: list[Entry] = []
        self.switched_off_unnamed = 0
        """Contacts that are off because of a refused row."""
        self._changed: dict[int | None, Entry] = {}
        for entry in self._loaded:
            self._index(entry)

    @property
    def changed(self) -> list[Entry]:
        """Contacts of the registry that are not as it has them any more."""
        return list(self._changed.values())

    def take_over(self, row: ContactRow) -> RowOutcome:
        """Bring one row into the registry.

        Raises:
            RefusedRow: It contradicts the registry or an earlier row. Nothing of it was taken over.
        """
        self._note_opt_out(row)
        try:
            return self._take_over(row)
        except RefusedRow:
            self._claim(row)
            raise

    def refuse(self, row: ContactRow) -> None:
        """Note what a row forbids that cannot be taken over, because it lacks the address that is needed."""
        if row.is_enabled is not False and not row.opts_out_unnamed:
            return
        self._claim(row)
        self._note_opt_out(row)
        meant = [entry for key in row.keys for entry in self._by_key.get(key, [])]
        # As when both rows have an address: the first one wins in everything but opt-outs.
        if row.is_enabled is False and not any(map(self._memory.is_spoken_for, meant)):
            self._memory.switched_off.update(row.keys)
            for entry in meant:
                if entry.enabled:
                    entry.enabled = False
                    self._changed[entry.id] = entry
                    self.switched_off_unnamed += 1

    def find_opted_out(self, name: str) -> set[str]:
        """The numbers (`phone`) or e-mail addresses (`email`) that rows so far forbade without naming them.

        To be asked at the end of a batch: a later row may give a contact its address.
        """
        wanted = self._memory.opted_out[name]
        if not wanted:
            return set()
        entries = (entry for entry in (*self._loaded, *self.new) if name in entry.texts)
        return {entry.texts[name] for entry in entries if not wanted.isdisjoint(_keys_of(entry.texts))}

    def _note_opt_out(self, row: ContactRow) -> None:
        for name in row.opts_out_unnamed:
            self._memory.opted_out[name].update(row.keys)

    def _claim(self, row: ContactRow) -> None:
        self._memory.claimed.update(text for _, text in row.keys)

    def _take_over(self, row: ContactRow) -> RowOutcome:
        entry = self._find(row)
        if entry is None:
            enabled = row.is_enabled is not False and not self._is_switched_off(row.texts)
            self.switched_off_unnamed += row.is_enabled is not False and not enabled
            entry = Entry(None, dict(row.texts), enabled, dict(row.fields))
            self.new.append(entry)
            self._index(entry)
            return RowOutcome.NEW
        texts, fields = entry.texts | row.texts, entry.fields | row.fields
        enabled = entry.enabled if row.is_enabled is None else row.is_enabled
        enabled = enabled and not self._is_switched_off(texts)
        is_same = (texts, fields, enabled) == (entry.texts, entry.fields, entry.enabled)
        if is_same:
            self._memory.note(entry)
            return RowOutcome.UNCHANGED
        if self._memory.is_spoken_for(entry):
            raise RefusedRow("an earlier row is about the same contact, and says otherwise")
        self._refuse_freeing(entry, texts)
        self._memory.note(entry)
        self._unindex(entry)
        entry.texts, entry.fields, entry.enabled = texts, fields, enabled
        self._index(entry)
        self._changed[entry.id] = entry
        return RowOutcome.UPDATED

    def _is_switched_off(self, texts: dict[str, str]) -> bool:
        switched_off = self._memory.switched_off
        return bool(switched_off) and not switched_off.isdisjoint(_keys_of(texts))

    def _find(self, row: ContactRow) -> Entry | None:
        found = {key: self._by_key.get((key, row.texts.get(key, "")), []) for key in _KEYS}
        key = next((key for key in _KEYS if found[key]), None)
        if key is None:
            return None
        if len(found[key]) > 1:
            raise RefusedRow(f"several contacts of the registry have this {_KEYS[key]}")
        [entry] = found[key]
        code, known_code = row.texts.get("external_code"), entry.texts.get("external_code")
        if code and known_code and code != known_code:
            raise RefusedRow(f"the contact with this {_KEYS[key]} has another external code")
        for other in _ADDRESSES:
            if found[other] and not any(one is entry for one in found[other]):
                raise RefusedRow(f"another contact has this {_KEYS[other]}")
        return entry

    def _refuse_freeing(self, entry: Entry, texts: dict[str, Any]) -> None:
        for key, name in _KEYS.items():
            before = entry.texts.get(key)
            if before and before != texts[key] and before in self._memory.claimed:
                raise RefusedRow(f"an earlier row, which was refused, has the {name} that this row would replace")

    def _index(self, entry: Entry) -> None:
        for key in _KEYS:
            if key in entry.texts:
                self._by_key[key, entry.texts[key]].append(entry)

    def _unindex(self, entry: Entry) -> None:
        for key in _KEYS:
            if key in entry.texts:
                found = self._by_key[key, entry.texts[key]]
                found[:] = [one for one in found if one is not entry]


def _keys_of(texts: dict[str, str]) -> list[tuple[str, str]]:
    return [(key, texts[key]) for key in _KEYS if key in texts]
