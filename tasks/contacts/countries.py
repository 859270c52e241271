"""Countries as people write them -> ISO 3166-1 alpha-2."""

import gettext
from difflib import get_close_matches
from functools import cache, lru_cache

import pandas as pd
import phonenumbers
import pycountry

from tasks.contacts.truth_words import fold

_LANGUAGES = ("fr", "de", "es", "sv", "it", "nl", "pt", "da", "nb", "fi", "pl")
"""Address books name countries in the language of their owner; pycountry carries Debian's translations."""

_EVERYDAY_NAMES = {
    "uk": "GB",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "usa": "US",
    "u s": "US",
    "u s a": "US",
    "united states of america": "US",
    "america": "US",
    "etats unis d amerique": "US",
    "estados unidos de america": "US",
    "holland": "NL",
    "the netherlands": "NL",
    "el": "GR",
    "uae": "AE",
    "south korea": "KR",
    "north korea": "KP",
    "russia": "RU",
    "turkey": "TR",
    "czech republic": "CZ",
    "ivory coast": "CI",
    "swaziland": "SZ",
    "macedonia": "MK",
    "burma": "MM",
    "cape verde": "CV",
    "kosovo": "XK",
    "rsa": "ZA",
    "xk": "XK",
}


@cache
def _codes_by_name() -> dict[str, str]:
    codes: dict[str, str] = {}
    for country in pycountry.countries:
        names = [country.alpha_2, country.alpha_3, country.name]
        names += [getattr(country, key) for key in ("common_name", "official_name") if hasattr(country, key)]
        for name in names:
            codes.setdefault(fold(name), country.alpha_2)
        head, comma, _ = country.name.partition(",")  # "Tanzania, United Republic of"
        if comma and sum(other.name.startswith(f"{head},") for other in pycountry.countries) == 1:
            codes.setdefault(fold(head), country.alpha_2)
    codes |= _EVERYDAY_NAMES
    for language in _LANGUAGES:
        try:
            translate = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language]).gettext
        except OSError:  # a build of pycountry without translations
            continue
        for country in pycountry.countries:
            for name in (country.name, getattr(country, "common_name", country.name)):
                codes.setdefault(fold(translate(name)), country.alpha_2)
    return codes


@lru_cache(maxsize=4096)
def country_code(cell: str) -> str:
    """ISO 3166-1 alpha-2 of a country cell, "" when it is not known.

    Understands alpha-2 and alpha-3 codes, English and local names, and `+46` (the main country of a calling code:
    all that share one also share how national numbers are read).
    """
    text = cell.strip()
    if text.startswith("+") and text[1:].isdecimal():
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(text[1:]), ("001",))
        return "" if regions[0] == "001" else str(regions[0])
    return _codes_by_name().get(fold(text), "")


def country_codes(cells: "pd.Series[str]") -> "pd.Series[str]":
    """The same for a column, each different cell looked up once."""
    codes, unique = pd.factorize(cells, use_na_sentinel=False)
    looked_up = pd.array([country_code(str(cell)) for cell in unique], dtype="str")
    return pd.Series(looked_up.take(codes), index=cells.index, name=cells.name)


def is_country(code: str) -> bool:
    """Whether this is an upper-case ISO 3166-1 alpha-2 code of a country that has phone numbers."""
    return code in phonenumbers.SUPPORTED_REGIONS


def check_country(code: str) -> str:
    """The code in upper case.

    Raises:
        ValueError: It is not ISO 3166-1 alpha-2, or the country has no phone numbers; names the likely one.
    """
    if is_country(upper := code.strip().upper()):
        return upper
    near = nearest_country(code)
    hint = f"; did you mean {near}?" if near else ""
    raise ValueError(f"'{code}' is not a country code (ISO 3166-1 alpha-2, such as FR){hint}")


def nearest_country(text: str) -> str:
    """The code that somebody who wrote this most likely meant, or ""."""
    if is_country(code := country_code(text)) or is_country(code := text.strip().upper()):
        return code
    near = get_close_matches(fold(text), _codes_by_name(), n=1, cutoff=0.75)
    return _codes_by_name()[near[0]] if near and is_country(_codes_by_name()[near[0]]) else ""


def require_country_code(code: str) -> str:
    """The code, if it is one: for keys of a campaign that name a country.

    Raises:
        ValueError: It is none; it names the one that was meant.
    """
    if not is_country(code):
        near = nearest_country(code)
        hint = f"; did you mean {near}?" if near else ", for example FR, US or ZA"
        raise ValueError(f"`{code}` is not an ISO 3166-1 alpha-2 country code{hint}")
    return code
