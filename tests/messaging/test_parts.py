# ruff: noqa: RUF001 - characters that look alike are what is tested
"""SMS parts, held against the `smsutil` package where it is right, and against hand-counted texts elsewhere."""

import random
import unicodedata

import pytest
import smsutil
from hypothesis import given
from hypothesis import strategies as st

from tasks.messaging import gsm7
from tasks.messaging.parts import Charset, Encoding, PartCount, count_parts, explain_ucs2, split_parts
from tasks.messaging.parts_of_many import count_gsm7_parts

BASIC = "".join(sorted(gsm7.BASIC))
EXTENSION = "".join(sorted(gsm7.EXTENSION))
UCS2_LETTERS = "áíóúçščžłőαβγдж李漢字’“”…–\u00a0"
EMOJI = "🌸🎉👍🏽👩🚀𝒜"
ENCODINGS = {"gsm0338": Encoding.GSM7, "utf_16_be": Encoding.UCS2}

pieces = st.one_of(
    st.text(alphabet=BASIC, max_size=170),
    st.text(alphabet=EXTENSION, max_size=90),
    st.text(alphabet=UCS2_LETTERS, max_size=40),
    st.text(alphabet=EMOJI, max_size=40),
)
texts = st.lists(pieces, max_size=4).map("".join)


def random_text(dice: random.Random) -> str:
    """A mixture with the proportions of one of five kinds of campaign, of up to four parts."""
    alphabet, weights = (
        [BASIC, EXTENSION, UCS2_LETTERS, EMOJI],
        dice.choice([(1, 0, 0, 0), (20, 1, 0, 0), (1, 1, 0, 0), (20, 1, 2, 1), (0, 0, 1, 2)]),
    )
    return "".join(dice.choice(dice.choices(alphabet, weights)[0]) for _ in range(dice.randrange(1, 480)))


def assert_as_smsutil(text: str) -> None:
    expected = smsutil.split(text)
    counted = count_parts(text)
    assert counted.encoding is ENCODINGS[expected.encoding]
    assert counted.parts == len(expected.parts)
    assert split_parts(text) == [part.content for part in expected.parts]
    octets_per_unit = 1 if counted.encoding is Encoding.GSM7 else 2
    assert counted.units == expected.total_bytes // octets_per_unit
    capacity = {(Encoding.GSM7, True): 160, (Encoding.GSM7, False): 153, (Encoding.UCS2, True): 70}.get(
        (counted.encoding, counted.parts == 1), 67
    )
    assert counted.units_left_in_last_part == capacity - expected.parts[-1].bytes // octets_per_unit


def test_ten_thousand_random_texts_count_as_the_reference_counts_them() -> None:
    dice = random.Random(23_038)  # noqa: S311 - a seed is what a test wants
    for _ in range(10_000):
        assert_as_smsutil(random_text(dice))


@given(text=texts.filter(bool))
def test_any_text_counts_as_the_reference_counts_it(text: str) -> None:
    assert_as_smsutil(text)


BOUNDARIES = [
    1,
    *range(66, 72),
    *range(133, 137),
    *range(151, 163),
    *range(200, 203),
    *range(304, 310),
    *range(458, 461),
]


@pytest.mark.parametrize("chars", BOUNDARIES)
@pytest.mark.parametrize("filler", ["x", "é", "€", "李", "🌸"])
@pytest.mark.parametrize("last", ["", "x", "€", "李", "🌸"])
def test_lengths_around_every_boundary_count_as_the_reference_counts_them(
    chars: int, filler: str, last: str
) -> None:
    assert_as_smsutil(filler * chars + last)


@pytest.mark.parametrize("before", [*range(150, 156), *range(303, 308)])
@pytest.mark.parametrize("pair", ["€", "{}", "^€~"])
def test_an_escape_pair_is_never_split_across_parts(before: int, pair: str) -> None:
    text = "x" * before + pair + "y" * 160
    assert_as_smsutil(text)
    assert "".join(split_parts(text)) == text


@pytest.mark.parametrize("before", [*range(64, 69), *range(131, 136)])
def test_a_surrogate_pair_is_never_split_across_parts(before: int) -> None:
    text = "李" * before + "🌸🌸" + "x" * 67
    assert_as_smsutil(text)
    assert "".join(split_parts(text)) == text


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("x" * 160, PartCount(1, Encoding.GSM7, 160, 0)),
        ("x" * 161, PartCount(2, Encoding.GSM7, 161, 153 - 8)),
        ("x" * 306, PartCount(2, Encoding.GSM7, 306, 0)),
        ("x" * 307, PartCount(3, Encoding.GSM7, 307, 152)),
        ("€" * 80, PartCount(1, Encoding.GSM7, 160, 0)),
        # 76 pairs are 152 septets: the 153rd of each part stays empty.
        ("€" * 152, PartCount(2, Encoding.GSM7, 304, 1)),
        ("€" * 153, PartCount(3, Encoding.GSM7, 306, 151)),
        ("李" * 70, PartCount(1, Encoding.UCS2, 70, 0)),
        ("李" * 71, PartCount(2, Encoding.UCS2, 71, 63)),
        ("🌸" * 35, PartCount(1, Encoding.UCS2, 70, 0)),
        # 33 flowers are 66 code units: the 67th of each part stays empty.
        ("🌸" * 67, PartCount(3, Encoding.UCS2, 134, 65)),
    ],
)
def test_hand_counted_texts(text: str, counted: PartCount) -> None:
    assert count_parts(text) == counted


@given(text=texts, charset=st.sampled_from(Charset))
def test_parts_are_the_text_again_and_none_is_too_long(text: str, charset: Charset) -> None:
    counted, parts = count_parts(text, charset=charset), split_parts(text, charset=charset)
    assert "".join(parts) == text
    assert len(parts) == counted.parts
    multipart = {Encoding.GSM7: 153, Encoding.GSM7_SPANISH: 149, Encoding.UCS2: 67}[counted.encoding]
    single = {Encoding.GSM7: 160, Encoding.GSM7_SPANISH: 155, Encoding.UCS2: 70}[counted.encoding]
    used = [units_of(part, counted.encoding) for part in parts]
    capacity = single if len(parts) == 1 else multipart
    assert max(used) <= capacity
    assert counted.units == sum(used)
    assert counted.units_left_in_last_part == capacity - used[-1]


def units_of(text: str, encoding: Encoding) -> int:
    """Counted character by character."""
    if encoding is Encoding.UCS2:
        return len(text.encode("utf-16-be")) // 2
    return sum(1 if char in gsm7.BASIC else 2 for char in text)


# Where smsutil 1.1.3 is not right by the standard.


def test_an_empty_text_is_one_gsm_part() -> None:
    """smsutil takes it for UCS-2: its pattern asks for at least one character."""
    assert smsutil.split("").encoding == "utf_16_be"
    assert count_parts("") == PartCount(1, Encoding.GSM7, 0, 160)
    assert split_parts("") == [""]


def test_the_escape_code_is_not_a_character() -> None:
    """smsutil lists U+001B among the letters. Sent as septet 0x1B it would swallow the character behind it."""
    assert smsutil.split("\x1be").encoding == "gsm0338"
    assert count_parts("\x1be").encoding is Encoding.UCS2


# The alphabets.


def test_the_default_alphabet_has_every_code_but_the_escape() -> None:
    assert len(gsm7.BASIC) == 127
    assert len(gsm7.EXTENSION) == 10
    assert gsm7.BASIC.isdisjoint(gsm7.SPANISH_EXTENSION)


def test_each_character_alone_is_in_the_encoding_that_the_tables_say() -> None:
    for char in map(chr, [*range(0xD800), *range(0xE000, 0x11000)]):
        in_gsm7 = char in gsm7.BASIC | gsm7.EXTENSION
        in_spanish = char in gsm7.BASIC | gsm7.SPANISH_EXTENSION
        assert (count_parts(char).encoding is Encoding.GSM7) == in_gsm7
        assert (count_parts(char, charset=Charset.SPANISH).encoding is not Encoding.UCS2) == in_spanish


def test_a_damaged_text_with_half_a_surrogate_pair_is_counted_and_split() -> None:
    text = "\ud83c" * 75
    assert count_parts(text).encoding is Encoding.UCS2
    assert "".join(split_parts(text)) == text


# Spanish: 140 octets less a 4-octet header are 155 septets; less a 9-octet header with the concatenation, 149.


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("á" + "x" * 153, PartCount(1, Encoding.GSM7_SPANISH, 155, 0)),
        ("á" + "x" * 154, PartCount(2, Encoding.GSM7_SPANISH, 156, 149 - 7)),
        ("Ú" * 77, PartCount(1, Encoding.GSM7_SPANISH, 154, 1)),
        ("Ú" * 78, PartCount(2, Encoding.GSM7_SPANISH, 156, 149 - 8)),
        # 74 pairs are 148 septets: the 149th stays empty.
        ("ó" * 148, PartCount(2, Encoding.GSM7_SPANISH, 296, 1)),
        ("ó" * 149, PartCount(3, Encoding.GSM7_SPANISH, 298, 147)),
        ("á" + "x" * 296, PartCount(2, Encoding.GSM7_SPANISH, 298, 0)),
        ("á" + "x" * 297, PartCount(3, Encoding.GSM7_SPANISH, 299, 148)),
        ("¿Cuánto cuesta? 20 €", PartCount(1, Encoding.GSM7_SPANISH, 22, 133)),
    ],
)
def test_spanish_texts_counted_by_hand(text: str, counted: PartCount) -> None:
    assert count_parts(text, charset=Charset.SPANISH) == counted


def test_the_spanish_table_has_nine_letters_more() -> None:
    assert "".join(sorted(gsm7.SPANISH_EXTENSION - gsm7.EXTENSION)) == "ÁÍÓÚáçíóú"


def test_a_text_without_those_letters_does_not_pay_for_the_spanish_header() -> None:
    assert count_parts("x" * 160, charset=Charset.SPANISH) == PartCount(1, Encoding.GSM7, 160, 0)


def test_spanish_is_used_only_when_asked_for() -> None:
    assert count_parts("mañana").encoding is Encoding.GSM7
    assert count_parts("días").encoding is Encoding.UCS2
    assert count_parts("días", charset=Charset.SPANISH).encoding is Encoding.GSM7_SPANISH
    assert count_parts("días 李", charset=Charset.SPANISH).encoding is Encoding.UCS2


@given(text=st.text(alphabet=BASIC + EXTENSION + "çÁÍÓÚáíóú", max_size=400))
def test_spanish_is_never_dearer_than_ucs2(text: str) -> None:
    assert count_parts(text, charset=Charset.SPANISH).parts <= count_parts(text).parts


# Why a text costs more.


@pytest.mark.parametrize(
    ("char", "suggestion"),
    [
        *[(quote, "'") for quote in "‘’‚′´`"],
        *[(quote, '"') for quote in "“”„″«»"],
        *[(dash, "-") for dash in "‐‑–—−"],
        *[(space, " ") for space in "\u00a0\u202f\u2009\u3000\t"],
        *[(invisible, "") for invisible in "\u200b\u200d\u2060\ufeff\u00ad\ufe0f\x1b\x00"],
        *[(emoji, "") for emoji in "🌸👍🏽❤★"],
        ("…", "..."),
        ("•", "-"),
        ("ﬁ", "fi"),
        ("½", "1/2"),
        ("™", "TM"),
        ("©", "(c)"),
        ("№", "No"),
        ("²", "2"),
        ("á", "a"),
        ("ç", "c"),
        ("È", "E"),
        ("ž", "z"),
        ("ő", "o"),
        ("ł", "l"),
        ("œ", "oe"),
        ("ẞ", "ß"),
        ("Ａ", "A"),
        ("\u0301", ""),
        ("李", None),
        ("α", None),
        ("д", None),
    ],
)
def test_each_character_outside_gsm7_comes_with_what_to_write_instead(char: str, suggestion: str | None) -> None:
    (cause,) = explain_ucs2(f"x{char}x{char}")
    assert (cause.char, cause.count, cause.suggestion) == (char, 2, suggestion)
    assert cause.name == unicodedata.name(char, f"U+{ord(char):04X}")


def test_causes_are_told_in_order_of_appearance() -> None:
    assert [cause.char for cause in explain_ucs2("Hé – “ja” …")] == ["–", "“", "”", "…"]


def test_spanish_letters_are_no_cause_where_spanish_may_be_used() -> None:
    assert [cause.char for cause in explain_ucs2("días – mañana", charset=Charset.SPANISH)] == ["–"]


@given(text=st.text(max_size=60), charset=st.sampled_from(Charset))
def test_there_is_a_cause_exactly_when_a_text_is_ucs2_and_following_all_advice_makes_it_gsm7(
    text: str, charset: Charset
) -> None:
    causes = explain_ucs2(text, charset=charset)
    assert bool(causes) == (count_parts(text, charset=charset).encoding is Encoding.UCS2)
    for cause in causes:
        assert text.count(cause.char) == cause.count
        text = text.replace(cause.char, "?" if cause.suggestion is None else cause.suggestion)
    assert count_parts(text, charset=charset).encoding is not Encoding.UCS2


@given(many=st.lists(texts | st.text(max_size=5)))
def test_many_texts_count_as_each_of_them_does(many: list[str]) -> None:
    counted = count_gsm7_parts(many).tolist()
    each = [count_parts(text) for text in many]
    assert [mine in (0, one.parts) for mine, one in zip(counted, each, strict=True)] == [True] * len(many)
    if not any("\0" in text for text in many):
        sure = [one.encoding is Encoding.GSM7 and one.parts == 1 for one in each]
        assert [bool(mine) for mine, is_sure in zip(counted, sure, strict=True) if is_sure] == [True] * sum(sure)


def test_long_texts_of_plain_letters_are_counted_without_asking() -> None:
    assert count_gsm7_parts(["a" * 160, "a" * 161, "a" * 306, "a" * 307, "", "a" * 200 + "€"]).tolist() == [
        *(1, 2, 2, 3, 1),
        0,
    ]
