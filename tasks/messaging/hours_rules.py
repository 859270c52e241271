"""The rules of sending hours, as a campaign file or the form has them."""

import re
from enum import StrEnum
from typing import Annotated, Any, Final

import pycountry
from pydantic import BeforeValidator, Field, field_validator, model_validator

from tasks.messaging.public_holidays import has_holidays
from tasks.messaging.statuses import Purpose
from tasks.messaging.strict_model import StrictModel, nearest

MINUTES_OF_A_DAY: Final = 24 * 60

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_OTHER_CODES = {"UK": "GB", "EL": "GR"}
"""What the country is called elsewhere: neither is a code of ISO 3166-1."""
_NOT_OF_ISO = frozenset({"AC", "TA", "XK"})
"""Ascension, Tristan da Cunha, Kosovo: phonenumbers, and so the ledger, has their numbers under these."""


class Day(StrEnum):
    """A day of the week, in the order of Python's `date.weekday`."""

    MON = "mon"
    """Monday."""
    TUE = "tue"
    """Tuesday."""
    WED = "wed"
    """Wednesday."""
    THU = "thu"
    """Thursday."""
    FRI = "fri"
    """Friday."""
    SAT = "sat"
    """Saturday."""
    SUN = "sun"
    """Sunday."""


class Holidays(StrEnum):
    """What a rule says of public holidays."""

    ALLOWED = "allowed"
    """They are days like others."""
    FORBIDDEN = "forbidden"
    """Nothing is sent on the holidays of the whole country."""
    FORBIDDEN_IN_ANY_PART = "forbidden_in_any_part"
    """Nor on those of a state, a region or a town in it: nobody knows in which part the recipient is."""


def _check_clock(value: Any) -> str:
    """A time of day as `HH:MM`."""
    if type(value) is int:
        # YAML 1.1 counts in sixties: 20:00 without quotes is 1200. So is 1200, hence no guess.
        raise ValueError('was read as a number: write the time in quotes, such as "20:00"')
    found = _CLOCK.fullmatch(str(value).strip())
    if found is None:
        raise ValueError("is not a time of day; write for example 08:00")
    minutes = int(found[1]) * 60 + int(found[2])
    if int(found[2]) > 59 or minutes > MINUTES_OF_A_DAY:  # noqa: PLR2004  # minutes of an hour
        raise ValueError("is not a time of day: it goes from 00:00 to 24:00")
    return f"{int(found[1]):02}:{found[2]}"


def _check_country(value: Any) -> str:
    if value is False:
        raise ValueError('was read as a "no": write Norway in quotes, "NO"')
    code = str(value).strip().upper()
    if code in _NOT_OF_ISO or pycountry.countries.get(alpha_2=code):
        return code
    try:
        meant = _OTHER_CODES.get(code) or pycountry.countries.lookup(code).alpha_2
    except LookupError:
        raise ValueError("is not a country code (ISO 3166-1 alpha-2, such as FR)") from None
    raise ValueError(f"is not a country code (ISO 3166-1 alpha-2); did you mean `{meant}`?")


def _check_day(value: Any) -> Any:
    if isinstance(value, str) and value not in set(Day):
        raise ValueError(f"is not a day; {nearest(value, list(Day))}")
    return value


def _as_list(value: Any) -> Any:
    """One value is a list of one: `countries: FR`."""
    return [value] if isinstance(value, str | bool) else value


ClockTime = Annotated[str, BeforeValidator(_check_clock)]
CountryCode = Annotated[str, BeforeValidator(_check_country)]


class HoursRule(StrictModel):
    """When messages may reach people in some countries.

    Several rules may hold for one message: `tasks.messaging.sending_hours` says which of them count.
    """

    countries: Annotated[tuple[CountryCode, ...], BeforeValidator(_as_list)] = Field(
        (),
        title="Countries",
        description="ISO 3166-1 alpha-2 codes. None: all countries that no other rule names.",
    )
    purpose: Purpose | None = Field(
        None, title="Purpose", description="Marketing or transactional messages. Empty: both."
    )
    allowed_from: ClockTime = Field(
        title="From",
        description="When the day's window opens, by the recipient's own clock, such as 08:00.",
    )
    allowed_until: ClockTime = Field(
        title="Until", description="The time at which it closes; what is not sent waits. 24:00 is the day's end."
    )
    days: Annotated[tuple[Annotated[Day, BeforeValidator(_check_day)], ...], BeforeValidator(_as_list)] = Field(
        tuple(Day), title="Days", description="The days of the week that have this window.", min_length=1
    )
    holidays: Holidays = Field(
        Holidays.ALLOWED,
        title="Public holidays",
        description="Whether messages are sent on them; where they are not known, forbidden closes every day.",
    )
    source: str = Field(
        "", title="Source", description="The law or code of practice that the rule is taken from.", max_length=500
    )

    @property
    def from_minute(self) -> int:
        """Minutes of the local day before the window, by the clock."""
        return _minutes(self.allowed_from)

    @property
    def until_minute(self) -> int:
        """Minutes of the local day up to its end, by the clock; at most 1440."""
        return _minutes(self.allowed_until)

    @field_validator("countries", "days")
    @classmethod
    def _once_each(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(values))

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> "HoursRule":
        if self.from_minute >= self.until_minute:
            raise ValueError(
                f"allowed_until ({self.allowed_until}) is not after allowed_from ({self.allowed_from});"
                " a window over midnight is two rules, one until 24:00 and one from 00:00"
            )
        return self

    @model_validator(mode="after")
    def _knows_its_holidays(self) -> "HoursRule":
        # Refused, and not only held later: every message to the country would wait, and nobody would know why.
        unknown = [code for code in self.countries if not has_holidays(code)]
        if self.holidays is not Holidays.ALLOWED and unknown:
            raise ValueError(
                f"the public holidays of {', '.join(unknown)} are not known, so the rule cannot forbid them"
            )
        return self


class SendingHours(StrictModel):
    """All rules of a campaign."""

    rules: tuple[HoursRule, ...] = Field((), title="Rules")


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
