"""Campaign files: YAML that grows, recurses, or means something else than text."""

import os

from tests.hostile.contact_files import Maker, of_bytes

ORDINARY = """\
name: hostile
channel: sms
provider: PROVIDER
purpose: transactional
text: "Hello"
audience:
  path: contacts.csv
"""


def _with(lines: str) -> Maker:
    return of_bytes((ORDINARY + lines).encode())


_LAUGHS = "l0: &l0 [ha]\n" + "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
_MERGES = "m0: &m0 {a: 1}\n" + "".join(
    f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
)

SMALL: dict[str, Maker] = {
    "empty.yaml": of_bytes(b""),
    "thousands of providers.yaml": of_bytes(
        ORDINARY.replace("provider: PROVIDER", f"provider: [{', '.join(['PROVIDER'] * 5_000)}]").encode()
    ),
    "providers that are none.yaml": of_bytes(ORDINARY.replace("PROVIDER", "[[], {}, 7, {name: [x]}]").encode()),
    "countries without end.yaml": of_bytes(
        ORDINARY.replace("PROVIDER", f"[{{name: PROVIDER, countries: [{', '.join(['SE'] * 9_000)}]}}]").encode()
    ),
    "only a word.yaml": of_bytes(b"campaign"),
    "two documents.yaml": _with("---\nname: other\n"),
    "billion laughs.yaml": of_bytes((_LAUGHS + ORDINARY).encode()),
    "billion laughs in tags.yaml": of_bytes((_LAUGHS + ORDINARY + "tags: *l11\n").encode()),
    "billion merges.yaml": of_bytes((_MERGES + ORDINARY).encode()),
    "contains itself.yaml": _with("tags: &t [*t]\n"),
    "contains itself as a key.yaml": _with("? &k [*k]\n: 1\n"),
    "merges itself.yaml": _with("options: &o {<<: *o}\n"),
    "python object.yaml": _with("tags: !!python/object/apply:os.system ['true']\n"),
    "python name.yaml": _with("sender: !!python/name:os.system\n"),
    "unknown tag.yaml": _with("sender: !secret x\n"),
    "deep list.yaml": _with("tags: " + "[" * 20_000 + "\n"),
    "deep block.yaml": _with("tags:\n" + "".join(" " * n + "-\n" for n in range(1, 600))),
    "deep braces.yaml": _with("tags: " + "{a: " * 5000 + "\n"),
    "huge integer.yaml": _with("validity: " + "9" * 6000 + "\n"),
    "huge hexadecimal.yaml": _with("validity: 0x" + "f" * 100_000 + "\n"),
    "huge sexagesimal.yaml": _with("validity: 1" + ":59" * 20_000 + "\n"),
    "huge duration.yaml": _with("validity: " + "9" * 40 + "d\n"),
    "huge iso duration.yaml": _with("validity: P" + "9" * 40 + "D\n"),
    "float duration.yaml": _with("validity: .inf\n"),
    "not a number.yaml": _with("validity: .nan\nsender: .nan\n"),
    "date out of range.yaml": _with("schedule: {send_at: 2026-02-30T10:00:00+01:00}\n"),
    "date 9999.yaml": _with("schedule: {send_at: 9999-12-31T23:59:59-14:00}\n"),
    "date 0001.yaml": _with("schedule: {send_at: 0001-01-01T00:00:00+14:00}\n"),
    "date not a number.yaml": _with("schedule: {send_at: .nan}\n"),
    "date 1e400.yaml": _with("schedule: {send_at: 1e400}\n"),
    "number key.yaml": _with("7: x\n"),
    "null key.yaml": _with("~: x\n"),
    "list key.yaml": _with("? [a, b]\n: x\n"),
    "mapping key.yaml": _with("? {a: b}\n: x\n"),
    "date key.yaml": _with("2026-01-01: x\n"),
    "truth key.yaml": _with("yes: x\n"),
    "nan keys.yaml": _with(".nan: x\n.NaN: y\n"),
    "duplicate keys.yaml": _with("name: x\n"),
    "duplicate key inside.yaml": _with("schedule: {max_lateness: 1d, max_lateness: 2d}\n"),
    "merge key.yaml": _with("<<: {name: x}\n"),
    "long key.yaml": _with("? " + "k" * 100_000 + "\n: x\n"),
    "many keys.yaml": _with("".join(f"key{n}: x\n" for n in range(2000))),
    "nul.yaml": _with("sender: \0\n"),
    "escaped nul.yaml": _with('sender: "\\0"\n'),
    "escaped surrogate.yaml": _with('sender: "\\ud800"\n'),
    "surrogate in options.yaml": _with('template: {id: "\\ud800", fields: {"\\ud800": "\\0"}}\n'),
    "tabs.yaml": of_bytes(ORDINARY.replace("  path", "\tpath").encode()),
    "utf-16.yaml": of_bytes(ORDINARY.encode("utf-16")),
    "latin.yaml": of_bytes(ORDINARY.replace("Hello", "H\u00e9llo").encode("latin-1")),
    "bytes.yaml": of_bytes(bytes(range(256)) * 10),
    "binary.yaml": _with("sender: !!binary /////w==\n"),
    "bad binary.yaml": _with("sender: !!binary '*'\n"),
    "set.yaml": _with("tags: !!set {a, b}\n"),
    "ordered.yaml": _with("tags: !!omap [a: 1]\n"),
    "pairs.yaml": _with("tags: !!pairs [a: 1]\n"),
    "bad timestamp.yaml": _with("sender: !!timestamp yesterday\n"),
    "bad integer.yaml": _with("sender: !!int yes\n"),
    "bad truth.yaml": _with("flash: !!bool maybe\n"),
    "path with nul.yaml": of_bytes(ORDINARY.replace("contacts.csv", '"a\\0b"').encode()),
    "path is a list.yaml": of_bytes(ORDINARY.replace("contacts.csv", "[a]").encode()),
    "columns are odd.yaml": of_bytes((ORDINARY + "  columns: {1: 2, phone: [x]}\n").encode()),
    "anchors.yaml": _with("".join(f"x{n}: &a{n} {n}\n" for n in range(1500))),
    "undefined alias.yaml": _with("tags: *nowhere\n"),
    "directive.yaml": of_bytes(b"%YAML 9.9\n---\n" + ORDINARY.encode()),
    "pipe.yaml": os.mkfifo,
}
LARGE: dict[str, Maker] = {
    "50 MB.yaml": of_bytes(ORDINARY.encode() + b"# " + b"x" * (50 << 20)),
    "50 MB of keys.yaml": of_bytes(ORDINARY.encode() + b"tags: [" + b"a, " * (16 << 20) + b"]\n"),
}
