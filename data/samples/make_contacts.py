# ruff: noqa: INP001 - a script beside its output, not a package
"""Writes the sample contact lists: `python data/samples/make_contacts.py`.

They look like what a CRM exports after a few years of use. Every phone number comes from a range that a regulator
keeps free for films and books, so that a campaign sent by mistake reaches nobody; data/README.md lists the ranges.
The same seed always makes the same files, and a test holds the committed ones to it.
"""

import csv
import io
import random
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SEED = 20_260_101

HEADER = (
    *("external_id", "First Name", "Last Name", "Mobile", "Email", "Country", "City", "Voucher"),
    *("Unsubscribed", "Active", "Notes"),
)
SENDABLE_NANP_ROWS = 4_650
DUPLICATE_ROWS = 250
SMALL_ROWS = 55
"""Rows of contacts_small.csv: with this seed, 45 people can be sent an SMS."""

# Area codes with which phonenumbers takes 555-01xx for a valid number, by city.
US_AREA_CODES = {
    "New York": "212 646 332 917 718 347 929",
    "Los Angeles": "213 323 310 424 818 747",
    "Chicago": "312 773 872",
    "Houston": "713 281 832 346",
    "Philadelphia": "215 267 445",
    "Phoenix": "602 480 623",
    "San Antonio": "210 726",
    "San Diego": "619 858",
    "Dallas": "214 469 972 945",
    "San Jose": "408 669",
    "San Francisco": "415 628",
    "Seattle": "206 425 253",
    "Denver": "303 720",
    "Boston": "617 857",
    "Washington, D.C.": "202",
    "Atlanta": "404 470 678 770",
    "Miami": "305 786",
    "Portland": "503 971",
    "Minneapolis": "612 651",
    "Austin": "512 737",
    "Columbus": "614 380",
    "Charlotte": "704 980",
    "Honolulu": "808",
}
CANADIAN_AREA_CODES = {
    "Toronto": "416 647 437",
    "Vancouver": "604 236 778 672",
    "Montréal": "514 438",
    "Ottawa": "613 343",
    "Calgary": "403 587",
    "Winnipeg": "204",
    "Halifax": "902",
    "Québec": "418 581",
}
COUNTRY_WORDS = {
    "US": ("United States", "US", "USA", "United States"),
    "CA": ("Canada", "CA", "Canada"),
    "DE": ("Germany", "DE", "Deutschland"),
    "SE": ("Sweden", "SE"),
    "AU": ("Australia", "AU"),
    "GB": ("United Kingdom", "GB"),
    "FR": ("France", "FR"),
}
CITIES = {
    "DE": ("Berlin", "Hamburg", "München", "Köln", "Leipzig"),
    "SE": ("Stockholm", "Göteborg", "Malmö", "Umeå"),
    "AU": ("Sydney", "Melbourne", "Brisbane"),
    "GB": ("London", "Manchester", "Leeds"),
    "FR": ("Paris", "Lyon", "Nîmes", "Besançon"),
}
FIRST_NAMES = (
    """
Ada, Alan, Alice, Amir, Anaïs, Anna, Aoife, Björk, Carlos, Chloé, Daniel, Deborah, Elif, Emma, Ester, Farah, Fatou,
François, Grace, Hannah, Hiroshi, Ines, Isaac, Jens, João, José, Jürgen, Katherine, Kenji, Lars, Léa, Linus,
Łukasz, Maria, Marie-Claire, Mateo, Mehmet, Niamh, Noor, Olga, Omar, Peter, Priya, Ravi, Rosa, Sara, Seán,
Siobhán, Søren, Tom, Valentina, Wei, Yusuf, Zoë, Žofia, 李
""".replace("\n", " ")
    .strip()
    .split(", ")
)
LAST_NAMES = (
    """
Adeyemi, Andersson, Bauer, Björklund, Brown, Castillo, Chen, Cohen, da Silva, Dubois, Fischer, García, Haddad,
Ivanova, Jackson, Johnson, Jones, Kim, Kowalska, Larsen, Lefèvre, Lovelace, MacDonald, Müller, Nakamura, Nguyen,
Novák, O'Brien, Öztürk, Patel, Rossi, Schmidt, Singh, Smith, Sørensen, Taylor, Torvalds, van den Berg, Williams
""".replace("\n", " ")
    .strip()
    .split(", ")
)
NOTES = (
    "Prefers evenings, not Mondays",
    'Said "call back in May"',
    "Moved.\nNew address follows",
    "VIP",
    "ordered 2 of size M; paid",
    "Met at trade fair, Hall 3, stand B12",
)
NO_NUMBERS = ("call later", "n/a", "none", "-", "unknown", "ask reception", "see notes", "TBC", "0", "123")


@dataclass(frozen=True, slots=True)
class Phone:
    """A number by its national parts.

    Attributes:
        country: ISO 3166-1 alpha-2.
        calling_code: Without +.
        groups: The national significant number, as people group it.
        city: Where the area code is, None where it says nothing.
    """

    country: str
    calling_code: str
    groups: tuple[str, ...]
    city: str | None = None

    @property
    def e164(self) -> str:
        """With + and without punctuation."""
        return f"+{self.calling_code}{''.join(self.groups)}"


Row = list[str]
Spelling = Callable[[Phone], str]


def _international(joint: str) -> Spelling:
    return lambda phone: f"+{phone.calling_code}{joint}{joint.join(phone.groups)}"


def _national(joint: str) -> Spelling:
    return lambda phone: ("" if phone.calling_code == "1" else "0") + joint.join(phone.groups)


SPELLINGS: tuple[Spelling, ...] = (
    lambda phone: phone.e164,
    _international(" "),
    _international("-"),
    lambda phone: f"+{phone.calling_code} ({phone.groups[0]}) {'-'.join(phone.groups[1:])}",
    _national(" "),
    _national("-"),
    _national("."),
    _national("\u00a0"),
    lambda phone: f"tel:{_international('-')(phone)}",
    lambda phone: f"{_international(' ')(phone)}  ",
)
NANP_SPELLINGS: tuple[Spelling, ...] = (
    *SPELLINGS,
    lambda phone: f"({phone.groups[0]}) {phone.groups[1]}-{phone.groups[2]}",
    lambda phone: f"1-{'-'.join(phone.groups)}",
    lambda phone: "".join(phone.groups),
    lambda phone: f"1{''.join(phone.groups)}",  # the + was lost
)
EUROPEAN_SPELLINGS: tuple[Spelling, ...] = (
    *SPELLINGS,
    lambda phone: f"00{phone.calling_code}{''.join(phone.groups)}",
    lambda phone: f"00{phone.calling_code} {' '.join(phone.groups)}",
    lambda phone: f"0{phone.groups[0]}/{''.join(phone.groups[1:])}",
)


SPELLINGS_BY_COUNTRY: dict[str, tuple[Spelling, ...]] = {
    "US": NANP_SPELLINGS,
    "CA": NANP_SPELLINGS,
    "AU": SPELLINGS,  # Australians dial 0011, and nobody writes it
    # Not without its +: 491713920012 is a national German number too, and that one may be somebody's.
    "DE": EUROPEAN_SPELLINGS,
    **dict.fromkeys(("SE", "GB", "FR"), (*EUROPEAN_SPELLINGS, lambda phone: phone.e164[1:])),
}


def north_american_numbers() -> list[Phone]:
    """555-0100 to 555-0199 of every area code above."""
    cities = [("US", US_AREA_CODES), ("CA", CANADIAN_AREA_CODES)]
    return [
        Phone(country, "1", (area_code, "555", f"{line:04}"), city)
        for country, area_codes_by_city in cities
        for city, area_codes in area_codes_by_city.items()
        for area_code in area_codes.split()
        for line in range(100, 200)
    ]


def german_numbers() -> list[Phone]:
    """Mobile numbers of the Bundesnetzagentur's list for films."""
    return [Phone("DE", "49", ("171", "39200", f"{line:02}")) for line in range(100)] + [
        Phone("DE", "49", ("176", "040690", f"{line:02}")) for line in range(100)
    ]


def swedish_numbers() -> list[Phone]:
    """Mobile numbers of Post- och telestyrelsen's list for films."""
    return [Phone("SE", "46", ("70", "174", "06", f"{line:02}")) for line in range(5, 100)]


def australian_numbers() -> list[Phone]:
    """Mobile numbers of the ACMA's list for films."""
    return [Phone("AU", "61", ("491", "570", line)) for line in ("110", "156", "157", "158", "159")]


def landlines() -> list[Phone]:
    """Valid numbers to which no SMS goes: London, Manchester, Sydney, Brisbane, Berlin; all of fiction ranges."""
    lines = range(120, 145)
    return (
        [Phone("GB", "44", ("20", "7946", f"0{line}")) for line in lines]
        + [Phone("GB", "44", ("161", "496", f"0{line}")) for line in lines]
        + [Phone("AU", "61", ("2", "5550", f"0{line}")) for line in lines]
        + [Phone("AU", "61", ("7", "5550", f"0{line}")) for line in lines]
        + [Phone("DE", "49", ("30", "23125", f"{line}")) for line in lines]
    )


def unassigned_numbers() -> list[Phone]:
    """Fiction ranges that phonenumbers does not take for valid: Ofcom's 07700 900xxx, Arcep's 06 39 98 xx xx."""
    return [Phone("GB", "44", ("7700", "900", f"{line}")) for line in range(100, 190)] + [
        Phone("FR", "33", ("6", "39", "98", "00", f"{line:02}")) for line in range(60)
    ]


class ListMaker:
    """Makes the rows of contacts.csv from one seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - sample data, and the seed is the point
        self._people = 0

    def rows(self) -> list[Row]:
        """All rows, shuffled, with their ids in the order of the file."""
        nanp = north_american_numbers()
        self._random.shuffle(nanp)
        sendable = [
            *(self._row(phone) for phone in nanp[:SENDABLE_NANP_ROWS]),
            *(self._row(phone) for phone in [*german_numbers(), *swedish_numbers(), *australian_numbers()]),
        ]
        rest = iter(nanp[SENDABLE_NANP_ROWS:])
        rows = [
            *sendable,
            *self._duplicates(sendable),
            *self._spreadsheet_artefacts(rest),
            *(self._row(next(rest), unsubscribed=self._pick("yes", "Yes", "TRUE", "1")) for _ in range(160)),
            *(self._row(next(rest), active=self._pick("no", "No", "0", "false", "FALSE")) for _ in range(140)),
            *(self._row(next(rest), voucher="") for _ in range(45)),
            *(self._row(phone) for phone in landlines()),
            *(self._row(phone) for phone in unassigned_numbers()),
            *(self._row(next(rest), mobile="") for _ in range(90)),
            *(self._row(next(rest), mobile=self._pick(*NO_NUMBERS)) for _ in range(60)),
        ]
        self._random.shuffle(rows)
        for position, row in enumerate(rows):
            row[0] = f"C-{100_001 + position}"
        # A comma in a note, pasted in without quotes: one cell more than the header has.
        for row in self._random.sample(rows, 12):
            row[-1:] = ["asked for a leaflet", " sent in March"]
        return rows

    def _row(
        self,
        phone: Phone,
        *,
        mobile: str | None = None,
        voucher: str | None = None,
        unsubscribed: str | None = None,
        active: str | None = None,
    ) -> Row:
        self._people += 1
        first_name, last_name = self._pick(*FIRST_NAMES), self._pick(*LAST_NAMES)
        return [
            "",
            self._as_typed(first_name),
            last_name,
            self._random.choice(SPELLINGS_BY_COUNTRY[phone.country])(phone) if mobile is None else mobile,
            self._email(first_name, last_name),
            self._pick(*COUNTRY_WORDS[phone.country]),
            phone.city or self._pick(*CITIES[phone.country]),
            f"SPRING-{self._random.randrange(16**6):06X}" if voucher is None else voucher,
            self._pick("", "", "no", "No", "FALSE", "0") if unsubscribed is None else unsubscribed,
            self._pick("yes", "Yes", "TRUE", "1", "true") if active is None else active,
            self._pick(*NOTES) if self._random.random() < 0.08 else "",  # noqa: PLR2004 - one note in twelve
        ]

    def _duplicates(self, sendable: list[Row]) -> Iterator[Row]:
        """The same person again, the number spelt in a way of its own, often another address."""
        by_e164 = {phone.e164: phone for phone in north_american_numbers()}
        originals = [row for row in sendable if row[3].strip() in by_e164]
        for original in self._random.choices(originals, k=DUPLICATE_ROWS):
            row = list(original)
            phone = by_e164[original[3].strip()]
            row[3] = self._random.choice(NANP_SPELLINGS[1:])(phone)
            row[4] = self._pick(original[4], self._email(original[1], original[2]))
            yield row

    def _spreadsheet_artefacts(self, numbers: Iterator[Phone]) -> Iterator[Row]:
        for _ in range(60):  # can be undone: the column was a float once
            phone = next(numbers)
            digits = self._pick(phone.e164[1:], "".join(phone.groups))
            yield self._row(phone, mobile=f"{digits}.0")
        for _ in range(60):  # cannot: five digits are gone
            phone = next(numbers)
            yield self._row(phone, mobile=f"{int(phone.e164[1:]):.5E}")

    def _as_typed(self, first_name: str) -> str:
        chance = self._random.random()
        if chance < 0.03:  # noqa: PLR2004 - how many first names are missing
            return ""
        if chance < 0.04:  # noqa: PLR2004 - written in UTF-8, once read as Latin-1
            return first_name.encode().decode("latin-1") if first_name in {"José", "Zoë", "François"} else "JosÃ©"
        if chance < 0.05:  # noqa: PLR2004 - straight from a phone
            return f"{first_name} {self._pick('🌸', '👩‍🚀', '🎉')}"
        return first_name.upper() if chance > 0.97 else first_name  # noqa: PLR2004 - who types in capitals

    def _email(self, first_name: str, last_name: str) -> str:
        if self._random.random() < 0.05:  # noqa: PLR2004 - how many have none
            return ""
        parts = [_ascii_letters(name) for name in (first_name, last_name)]
        local = ".".join(part for part in parts if part) or "hello"
        at = " at " if self._random.random() < 0.01 else "@"  # noqa: PLR2004 - how many hide from robots
        return f"{local}.{self._people}{at}{self._pick('example.com', 'example.org', 'example.net')}"

    def _pick(self, *choices: str) -> str:
        return self._random.choice(choices)


def _ascii_letters(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in decomposed if char.isascii() and char.isalnum())


def german_rows() -> list[Row]:
    """The rows of contacts_latin1.csv: a German office's list, with duplicates, landlines and a euro sign."""
    pick = random.Random(SEED + 1)  # noqa: S311 - sample data, and the seed is the point
    mobiles = german_numbers()[:190]
    berlin = [phone for phone in landlines() if phone.country == "DE"]
    spelt = [
        *[pick.choice(EUROPEAN_SPELLINGS)(phone) for phone in mobiles],
        *[pick.choice(EUROPEAN_SPELLINGS)(phone) for phone in pick.sample(mobiles, 60)],
        *[pick.choice(EUROPEAN_SPELLINGS)(phone) for phone in berlin],
        *[""] * 15,
        *["folgt"] * 10,
    ]
    pick.shuffle(spelt)
    first_names = ("Jürgen", "Anna", "Käthe", "Björn", "Thérèse", "Änne", "Peter", "Zoë", "")
    last_names = ("Müller", "Groß", "Schäfer", "Weiß", "Bauer", "Öztürk", "von der Höh")
    notes = ("", "", "", "Guthaben 5 €", "Guthaben 20 €", "sagt „später“", "Anruf; dann Brief")
    return [
        [
            f"{20_001 + position}",
            pick.choice(first_names),
            pick.choice(last_names),
            number,
            f"kunde{position}@example.org",
            pick.choice(CITIES["DE"]),
            f"FRÜHLING{position:03}",
            pick.choice(("nein",) * 9 + ("ja",)),
            pick.choice(notes),
        ]
        for position, number in enumerate(spelt)
    ]


def suppressed(rows: list[Row]) -> Iterator[Row]:
    """The rows of suppressions.csv: people of contacts.csv who wrote STOP to the shop, by number or by e-mail."""
    pick = random.Random(SEED + 2)  # noqa: S311 - sample data, and the seed is the point
    by_e164 = [row for row in rows if row[3].startswith("+1") and row[3][1:].isdigit()]
    for row in pick.sample(by_e164, 60):
        yield [row[3], "", "replied STOP", f"2025-{pick.randrange(1, 13):02}-{pick.randrange(1, 29):02}"]
    by_email = [row for row in rows if "@" in row[4]]
    for row in pick.sample(by_email, 20):
        yield ["", row[4], "asked by e-mail", f"2025-{pick.randrange(1, 13):02}-{pick.randrange(1, 29):02}"]


def make_files() -> dict[str, bytes]:
    """The content of every sample file, by name."""
    rows = ListMaker(SEED).rows()
    german_header = ("Kundennummer", "Vorname", "Nachname", "Handy", "E-Mail", "Ort", "Gutschein", "Abgemeldet")
    return {
        "contacts.csv": _as_csv(HEADER, rows).encode(),
        "contacts_small.csv": _as_csv(HEADER, rows[:SMALL_ROWS]).encode(),
        "contacts_latin1.csv": _as_csv((*german_header, "Bemerkung"), german_rows(), ";").encode("cp1252"),
        "suppressions.csv": _as_csv(("phone", "email", "reason", "date"), suppressed(rows)).encode(),
    }


def _as_csv(header: tuple[str, ...], rows: list[Row] | Iterator[Row], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    for name, content in make_files().items():
        (HERE / name).write_bytes(content)
