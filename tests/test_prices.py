"""Tables of prices: what is read of them, what is said of a wrong one, and what a plan would cost by them."""

from decimal import Decimal
from pathlib import Path

import pytest

from tasks.costs import Share, estimate_cost
from tasks.messaging.prices import Price, PriceTable
from tasks.messaging.statuses import Channel
from tasks.prices import PriceError, read_prices
from tasks.providers.registry import PROVIDER_NAMES

ROOT = Path(__file__).parents[1]
HEADER = "provider,country,channel,price_per_part,currency,note\n"


@pytest.fixture
def table(tmp_path):
    def write(rows, header=HEADER):
        path = tmp_path / "prices.csv"
        path.write_text(header + rows, encoding="utf-8")
        return str(path)

    return write


def test_a_price_is_that_of_the_country_else_that_of_every_country(table):
    prices = read_prices(table("bird,SE,sms,0.056,EUR,contract\nbird,*,sms,0.09,EUR,\nbird,*,mms,0.3,USD,\n"))
    assert prices.price_of("bird", "SE", Channel.SMS) == Price(Decimal("0.056"), "EUR", "contract")
    assert prices.price_of("bird", "NO", Channel.SMS) == Price(Decimal("0.09"), "EUR")
    assert prices.price_of("bird", "", Channel.SMS) == Price(Decimal("0.09"), "EUR")
    assert prices.price_of("bird", "SE", Channel.MMS) == Price(Decimal("0.3"), "USD")
    assert prices.price_of("octopush", "SE", Channel.SMS) is None


def test_columns_may_come_in_any_order_and_the_note_may_be_missing(table):
    prices = read_prices(table("EUR,0.05,sms,SE,bird\n", "currency,price_per_part,channel,country,provider\n"))
    assert prices.price_of("bird", "SE", Channel.SMS) == Price(Decimal("0.05"), "EUR")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("brid,SE,sms,0.05,EUR,\n", "row 2, column provider: `brid` is none; did you mean `bird`?"),
        ("bird,SWE,sms,0.05,EUR,\n", "row 2, column country: `SWE` is not an ISO 3166-1 alpha-2 country code"),
        ("bird,SE,fax,0.05,EUR,\n", "row 2, column channel: `fax` is none; known here: sms, mms, email"),
        ("bird,SE,sms,,EUR,\n", "row 2, column price_per_part: an empty cell is no price; write it with a point"),
        ('bird,SE,sms,"0,05",EUR,\n', "row 2, column price_per_part: `0,05` is no price"),
        ("bird,SE,sms,-1,EUR,\n", "row 2, column price_per_part: `-1` is no price"),
        ("bird,SE,sms,nan,EUR,\n", "row 2, column price_per_part: `nan` is no price"),
        ("bird,SE,sms,0.05,€,\n", "row 2, column currency: `€` is not an ISO 4217 code; write EUR"),
        (
            "bird,SE,sms,0.05,EUR,\nbird,NO,sms,0.05,EUR,\nbird,SE,sms,0.06,EUR,\n",
            "row 4: the same provider, country and channel as row 2; remove one of them",
        ),
        ("bird,SE,sms,0.05,EUR,a,b\n", "row 2: "),
    ],
)
def test_a_wrong_price_is_refused_with_its_file_row_column_and_remedy(table, rows, said):
    with pytest.raises(PriceError) as refused:
        read_prices(table(rows))
    assert "prices.csv, row " in str(refused.value)
    assert said in str(refused.value)


def test_a_wrong_header_is_refused_with_the_column_that_was_meant(table):
    with pytest.raises(PriceError) as refused:
        read_prices(table("bird,SE,sms,0.05,EUR,\n", "provider,country,channel,price_per_prt,currency,note\n"))
    assert "column `price_per_prt`: is not known; did you mean `price_per_part`?" in str(refused.value)
    assert "the column `price_per_part` is missing" in str(refused.value)


def test_of_many_faults_the_first_five_are_named(table):
    with pytest.raises(PriceError, match="and 4 more"):
        read_prices(table("bird,SE,sms,x,EUR,\n" * 9))


def test_the_example_table_has_every_provider_and_says_that_it_is_an_example():
    prices = read_prices(str(ROOT / "data/prices.csv"))
    for provider in PROVIDER_NAMES:
        for country in ("US", "CA", "DE", "SE", "GB", "AU", "FR", "ZA"):
            assert prices.price_of(provider, country, Channel.SMS), (provider, country)
    assert {price.note.partition(":")[0] for price in prices.prices.values()} == {"EXAMPLE"}


PRICES = PriceTable(
    "prices.csv",
    {
        ("bird", "SE", Channel.SMS): Price(Decimal("0.05"), "EUR"),
        ("bird", "US", Channel.SMS): Price(Decimal("0.01"), "USD"),
        ("bird", "*", Channel.EMAIL): Price(Decimal("0.001"), "EUR"),
    },
)


def test_a_plan_costs_parts_times_price_and_currencies_are_not_added_up():
    estimate = estimate_cost(
        [Share("SE", "bird", 10, 20), Share("US", "bird", 1_000, 1_500), Share("FR", "bird", 3, 3)],
        Channel.SMS,
        PRICES,
    )
    assert estimate.totals == {"EUR": Decimal("1.00"), "USD": Decimal("15.00")}
    assert estimate.cells()[0] == ("US", "bird", "1,000", "1,500", "0.01 USD", "15.00 USD")
    assert estimate.cells()[2] == ("FR", "bird", "3", "3", "no price", "")
    assert estimate.sentences() == [
        "Estimated cost: 1.00 EUR and 15.00 USD, by the prices in prices.csv.",
        "prices.csv has no price for 3 messages, which are not in it: FR through bird.",
    ]


def test_an_email_costs_per_message_because_it_has_no_parts():
    estimate = estimate_cost([Share("", "bird", 2_000, 0)], Channel.EMAIL, PRICES)
    assert estimate.totals == {"EUR": Decimal("2.000")}


def test_a_text_that_only_the_provider_knows_is_counted_as_one_part_and_that_is_said():
    estimate = estimate_cost([Share("SE", "bird", 10, 0)], Channel.SMS, PRICES)
    assert estimate.cells() == [("SE", "bird", "10", "not known", "0.05 EUR", "0.50 EUR")]
    assert "At least: only the provider knows the text" in estimate.sentences()[1]


def test_a_sum_below_a_cent_is_not_shown_as_nothing():
    estimate = estimate_cost([Share("", "bird", 4, 0)], Channel.EMAIL, PRICES)
    assert estimate.sentences() == ["Estimated cost: 0.0040 EUR, by the prices in prices.csv."]


def test_without_a_table_nothing_is_estimated_and_that_is_said():
    estimate = estimate_cost([Share("SE", "bird", 10, 20)], Channel.SMS, None)
    assert estimate.totals == {}
    assert "not known" in estimate.sentences()[0]
