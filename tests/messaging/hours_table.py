"""The first allowed instant of each rule of `data/sending_hours.yaml`, by zone and on the days that are special.

What is expected is written down by hand, from the rule and a calendar. `python -m tests.messaging.hours_table`
prints it beside what the program says, as markdown.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from tasks.contacts.time_zones import zones_of_number
from tasks.messaging.hours_rules import HoursRule, SendingHours
from tasks.messaging.sending_hours import Window, next_window
from tasks.messaging.statuses import Purpose

RULES: tuple[HoursRule, ...] = SendingHours(
    **yaml.safe_load((Path(__file__).parents[2] / "data/sending_hours.yaml").read_text(encoding="utf-8"))
).rules

(FR, US, US_SUNDAY, CA, CA_WEEKEND, ZA, ZA_SATURDAY, AU, AU_SATURDAY, IN, ES, OTHERS) = range(len(RULES))

HELD = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table.

    Attributes:
        rule: Which rule of the file opens the window, or holds.
        country: Of the recipient.
        place: A zone, or a phone number that may be in several, or "" where nothing is known.
        asked: When the message is planned; UTC.
        opens: Expected; UTC. `HELD` where it never does.
        why: What is special about it.
        closes: Expected; UTC. "" where that is not looked at.
        purpose: Why the message is sent.
    """

    rule: int
    country: str
    place: str
    asked: str
    opens: str
    why: str
    closes: str = ""
    purpose: Purpose = Purpose.MARKETING

    @property
    def zones(self) -> tuple[str, ...]:
        """All zones of the place."""
        if self.place.startswith("+"):
            return zones_of_number(self.place.replace(" ", ""))
        return (self.place,) if self.place else ()

    def actual(self) -> Window | None:
        """What the program says."""
        return next_window(RULES, self.country, self.zones, self.purpose, _instant(self.asked))

    def is_as_expected(self) -> bool:
        """Whether it says what a person worked out."""
        found = self.actual()
        if self.opens == HELD or found is None:
            return self.opens == HELD and found is None
        opens = found.not_before == _instant(self.opens)
        return opens and (not self.closes or found.not_after == _instant(self.closes))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


PARIS, NEW_YORK, SYDNEY, MADRID = "Europe/Paris", "America/New_York", "Australia/Sydney", "Europe/Madrid"
FLORIDA = "+1 850 555 0100"
AUSTRALIAN, SPANIARD, RUSSIAN, ANYWHERE = (
    "+61 491 570 156",
    "+34 612 345 678",
    "+7 912 345 67 89",
    "+1 600 555 0100",
)

CASES = (
    Case(FR, "FR", PARIS, "2026-03-27 19:30", "2026-03-28 07:00", "Friday evening: Saturday, 08:00 in winter"),
    Case(FR, "FR", PARIS, "2026-03-29 05:00", "2026-03-30 06:00", "the day of the leap is a Sunday"),
    Case(FR, "FR", PARIS, "2026-10-25 05:00", "2026-10-26 07:00", "the day with 02:30 twice is a Sunday"),
    Case(FR, "FR", PARIS, "2026-07-14 05:00", "2026-07-15 06:00", "the fourteenth of July"),
    Case(FR, "FR", PARIS, "2026-04-03 05:00", "2026-04-04 06:00", "Good Friday, a holiday in a part of France"),
    Case(FR, "FR", PARIS, "2026-03-28 12:00", "2026-03-28 12:00", "open now", closes="2026-03-28 19:00"),
    Case(
        FR, "FR", PARIS, "2026-03-29 01:30", "2026-03-29 01:30", "no rule: at once", purpose=Purpose.TRANSACTIONAL
    ),
    Case(FR, "FR", "", "2026-03-28 12:00", HELD, "no zone is known"),
    Case(FR, "FR", "Mars/Olympus_Mons", "2026-03-28 12:00", HELD, "a zone that nobody knows"),
    Case(US, "US", NEW_YORK, "2026-03-07 12:00", "2026-03-07 14:00", "the Saturday before the leap"),
    Case(US, "US", NEW_YORK, "2026-03-09 12:00", "2026-03-09 13:00", "the Monday after it"),
    Case(US, "US", "America/Phoenix", "2026-03-09 12:00", "2026-03-09 16:00", "Arizona never leaps"),
    Case(US_SUNDAY, "US", NEW_YORK, "2026-03-08 12:00", "2026-03-08 16:00", "the day of the leap: noon"),
    Case(US_SUNDAY, "US", NEW_YORK, "2026-11-01 12:00", "2026-11-01 17:00", "the day with 01:30 twice: noon"),
    Case(US_SUNDAY, "US", "Pacific/Honolulu", "2026-03-08 12:00", "2026-03-08 22:00", "Hawaii never leaps"),
    Case(
        US,
        "US",
        FLORIDA,
        "2026-11-02 12:00",
        "2026-11-02 15:00",
        "two zones: 09:00 in Chicago's, until 20:00 in New York's",
        closes="2026-11-03 01:00",
    ),
    Case(
        US_SUNDAY,
        "US",
        FLORIDA,
        "2026-03-08 12:00",
        "2026-03-08 17:00",
        "two zones on the day of the leap",
        closes="2026-03-09 00:00",
    ),
    Case(CA, "CA", "America/Toronto", "2026-03-09 12:00", "2026-03-09 13:00", "the Monday after the leap"),
    Case(CA_WEEKEND, "CA", "America/Toronto", "2026-03-08 12:00", "2026-03-08 14:00", "the day of the leap"),
    Case(CA_WEEKEND, "CA", "America/St_Johns", "2026-11-01 12:00", "2026-11-01 13:30", "half an hour apart"),
    Case(
        CA_WEEKEND, "CA", "America/Halifax", "2026-10-31 01:00", "2026-10-31 13:00", "Friday 22:00: Saturday 10:00"
    ),
    Case(ZA, "ZA", "Africa/Johannesburg", "2026-03-29 05:00", "2026-03-30 06:00", "a Sunday; no leap there"),
    Case(ZA_SATURDAY, "ZA", "Africa/Johannesburg", "2026-03-28 05:00", "2026-03-28 07:00", "Saturday from 09:00"),
    Case(
        ZA, "ZA", "Africa/Johannesburg", "2026-08-08 12:00", "2026-08-11 06:00", "a holiday on Sunday is Monday's"
    ),
    Case(AU, "AU", SYDNEY, "2026-04-04 20:00", "2026-04-06 23:00", "02:30 twice at Easter: Tuesday 09:00"),
    Case(AU, "AU", SYDNEY, "2026-10-03 20:00", "2026-10-04 22:00", "the day of the leap is a Sunday"),
    Case(AU_SATURDAY, "AU", "Australia/Perth", "2026-10-02 22:00", "2026-10-03 01:00", "Saturday from 09:00"),
    Case(
        AU,
        "AU",
        AUSTRALIAN,
        "2026-10-05 20:00",
        "2026-10-06 02:30",
        "or the Cocos Islands, which share +61: 09:00 there, until 20:00 in Sydney",
        closes="2026-10-06 09:00",
    ),
    Case(IN, "IN", "Asia/Kolkata", "2026-03-29 02:00", "2026-03-29 04:30", "Sundays too; half an hour apart"),
    Case(ES, "ES", MADRID, "2026-03-29 05:00", "2026-03-30 07:00", "the day of the leap is a Sunday"),
    Case(ES, "ES", MADRID, "2026-10-25 05:00", "2026-10-26 08:00", "the day with 02:30 twice is a Sunday"),
    Case(ES, "ES", MADRID, "2026-10-12 05:00", "2026-10-13 07:00", "a national holiday"),
    Case(
        ES,
        "ES",
        SPANIARD,
        "2026-03-29 05:00",
        "2026-03-30 08:00",
        "or the Canary Islands: 09:00 there, until 21:00 in Madrid",
        closes="2026-03-30 19:00",
    ),
    Case(OTHERS, "SE", "Europe/Stockholm", "2026-03-29 05:00", "2026-03-30 07:00", "the day of the leap"),
    Case(OTHERS, "GB", "Europe/London", "2026-10-24 05:00", "2026-10-24 08:00", "the Saturday before the change"),
    Case(OTHERS, "GB", "Europe/London", "2026-10-25 05:00", "2026-10-26 09:00", "the day with 01:30 twice"),
    Case(OTHERS, "CU", "America/Havana", "2026-11-01 12:00", "2026-11-02 14:00", "clocks change at midnight"),
    Case(
        OTHERS,
        "RU",
        RUSSIAN,
        "2026-11-23 12:00",
        "2026-11-24 07:00",
        "26 zones with one hour in common",
        closes="2026-11-24 08:00",
    ),
    Case(
        CA,
        "CA",
        ANYWHERE,
        "2026-11-23 12:00",
        "2026-11-23 19:00",
        "a number that goes with its owner: 09:00 in Hawaii, until 21:30 in Newfoundland",
        closes="2026-11-24 01:00",
    ),
)


def as_markdown() -> str:
    """The table."""
    lines = [
        "| rule | place | asked (UTC) | expected (UTC) | actual (UTC) | there | agree | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        found = case.actual()
        shown = "held" if found is None else f"{found.not_before:%Y-%m-%d %H:%M}"
        expected = case.opens or "held"
        if case.closes and found is not None and found.not_after is not None:
            expected, shown = f"{expected} to {case.closes}", f"{shown} to {found.not_after:%Y-%m-%d %H:%M}"
        there = (
            " and ".join(f"{found.not_before.astimezone(ZoneInfo(zone)):%a %H:%M}" for zone in case.zones[:2])
            if found
            else ""
        )
        place = (
            f"{case.place} ({len(case.zones)} zones)" if case.place.startswith("+") else case.place or "not known"
        )
        agree = "yes" if case.is_as_expected() else "NO"
        cells = (_name(case), place, case.asked, expected, shown, there, agree, case.why)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _name(case: Case) -> str:
    rule = RULES[case.rule]
    if case.purpose is not rule.purpose:
        return f"{case.country} {case.purpose}"
    days = f"{rule.days[0]}-{rule.days[-1]}" if len(rule.days) > 1 else rule.days[0]
    return f"{', '.join(rule.countries) or 'others'} {days} {rule.allowed_from}-{rule.allowed_until}"


if __name__ == "__main__":
    print(as_markdown())  # noqa: T201  # a command
