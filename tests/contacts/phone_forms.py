"""Phone cells of all regions in all forms, whole and damaged, as many as are wanted."""

import random
from collections.abc import Iterator

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

_TYPES = (
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.VOIP,
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.PAGER,
    PhoneNumberType.UAN,
)
_COMMON = ("SE", "FR", "GB", "US", "DE", "ES", "IT", "PL", "CA", "BR")
_COMMON += ("AU", "NO", "MX", "AR", "CN", "IN", "RU", "KZ", "CH", "NL")
_REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


def phone_cells(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """So many cells, each with the region that its row names ("" for none; sometimes a wrong one)."""
    dice = random.Random(seed)  # noqa: S311 - a seed is what a test wants
    examples = {region: list(_examples(region)) for region in _REGIONS}
    for _ in range(count):
        region = dice.choice(_COMMON if dice.random() < 0.5 else _REGIONS)
        example = examples[region][0] if dice.random() < 0.5 else dice.choice(examples[region])
        cell = _written(dice, str(example.country_code), _changed(dice, example), example)
        if dice.random() < 0.05:
            place = dice.randrange(len(cell) + 1)
            cell = cell[:place] + dice.choice(" -./()x,;+0") + cell[place + dice.randrange(2) :]
        yield cell, dice.choice([region, region, region, "", dice.choice(_REGIONS), dice.choice((*_COMMON, "XX"))])


def _examples(region: str) -> Iterator[PhoneNumber]:
    for kind in _TYPES:
        if (number := phonenumbers.example_number_for_type(region, kind)) is not None:
            yield number


def _changed(dice: random.Random, example: PhoneNumber) -> str:
    """A national number near a real one: some last digits others, now and then a digit too many or too few."""
    digits = phonenumbers.national_significant_number(example)
    free = min(dice.randrange(9), len(digits))
    digits = digits[: len(digits) - free] + "".join(dice.choice("0123456789") for _ in range(free))
    if dice.random() < 0.1:
        place = dice.randrange(len(digits))
        digits = digits[:place] + dice.choice("0123456789") + digits[place + dice.randrange(3) :]
    return digits


def _written(dice: random.Random, code: str, national: str, example: PhoneNumber) -> str:
    try:
        number = phonenumbers.parse(f"+{code}{national}")
    except NumberParseException:
        number = example
    ways = (
        (25, f"+{code}{national}"),
        (10, phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)),
        (15, phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)),
        (10, national),
        (10, f"0{national}"),
        (10, f"{code}{national}"),
        (5, f"00{code}{national}"),
        (5, f"{dice.choice(['', code])}{national}.0"),
        (5, f"+{code} ({national[:3]}) {national[3:6]}-{national[6:]}"),
        (5, "".join(dice.choice("0123456789") for _ in range(dice.randrange(6, 16)))),
    )
    weights, cells = zip(*ways, strict=True)
    return str(dice.choices(cells, weights)[0])
