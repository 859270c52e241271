"""Which provider takes which message, and what several of them have in common."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.messaging.prices import Price, PriceTable
from tasks.messaging.statuses import Channel
from tasks.providers.registry import PROVIDER_NAMES, load_provider
from tasks.routes import (
    Route,
    RouteChoice,
    RouteError,
    Routing,
    common_limits,
    find_route_problems,
    provider_list_as_routes,
)

NORDIC = Route(name="bird", countries=["SE", "NO"])
FRENCH = Route(name="octopush", countries=["FR", "SE"], sender="ACME")
ALL = Route(name="dripcel")
LIMITS = {name: load_provider(name).capabilities for name in PROVIDER_NAMES}


def table(**prices):
    """Prices as `bird_SE="0.05 EUR"`."""
    return PriceTable(
        "prices.csv",
        {
            (*key.replace("ALL", "*").split("_"), Channel.SMS): Price(Decimal(price.split()[0]), price.split()[1])
            for key, price in prices.items()
        },
    )


def test_routes_that_name_the_country_come_before_those_for_every_country_wherever_they_stand():
    routing = Routing([ALL, NORDIC, FRENCH], Channel.SMS)
    assert routing.candidates("SE") == ("bird", "octopush", "dripcel")
    assert routing.candidates("FR") == ("octopush", "dripcel")
    assert routing.candidates("US") == ("dripcel",)
    assert routing.candidates("") == routing.candidates(None) == ("dripcel",)


def test_without_a_route_for_every_country_some_have_none_and_it_is_said_which_there_are():
    routing = Routing([NORDIC, FRENCH], Channel.SMS)
    assert routing.candidates("US") == ()
    assert routing.explain_no_route("US") == "no route takes US; there are bird (SE, NO), octopush (FR, SE)"
    assert "whose country is not known" in routing.explain_no_route("")


def test_the_cheapest_is_first_whether_it_names_the_country_or_not_and_who_has_no_price_last():
    prices = table(bird_SE="0.06 EUR", dripcel_ALL="0.05 EUR", octopush_FR="0.05 EUR")
    routing = Routing([NORDIC, FRENCH, ALL], Channel.SMS, RouteChoice.CHEAPEST, prices)
    assert routing.candidates("SE") == ("dripcel", "bird", "octopush")
    assert routing.candidates("FR") == ("octopush", "dripcel")  # as cheap, and listed before
    assert routing.candidates("NO") == ("dripcel", "bird")


def test_prices_in_two_currencies_choose_nothing():
    prices = table(bird_SE="0.06 EUR", octopush_SE="0.05 USD")
    routing = Routing([NORDIC, FRENCH], Channel.SMS, RouteChoice.CHEAPEST, prices)
    assert routing.candidates("NO") == ("bird",)
    with pytest.raises(RouteError, match="the prices for SE are in EUR and USD"):
        routing.candidates("SE")


@given(st.lists(st.sampled_from(PROVIDER_NAMES), min_size=1, unique=True), st.data())
def test_the_cheapest_choice_only_changes_the_order(names, data):
    amounts = {name: data.draw(st.none() | st.decimals("0.01", "0.99", places=2)) for name in names}
    prices = PriceTable("p", {(n, "*", Channel.SMS): Price(a, "EUR") for n, a in amounts.items() if a is not None})
    routes = [Route(name=name) for name in names]
    cheapest = Routing(routes, Channel.SMS, RouteChoice.CHEAPEST, prices).candidates("SE")
    assert sorted(cheapest) == sorted(Routing(routes, Channel.SMS).candidates("SE"))
    known = [amounts[name] for name in cheapest if amounts[name] is not None]
    assert known == sorted(known)
    assert all(amounts[name] is None for name in cheapest[len(known) :])


def test_a_list_of_providers_becomes_routes_and_one_name_stays_one():
    assert provider_list_as_routes({"provider": "bird"}) == {"provider": "bird"}
    listed = {"provider": ["bird", {"name": "dripcel", "countries": ["ZA"]}]}
    assert provider_list_as_routes(listed) == {
        "provider": "bird",
        "routes": [{"name": "bird"}, {"name": "dripcel", "countries": ["ZA"]}],
    }


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"provider": []}, "the list is empty"),
        ({"provider": [{"countries": ["SE"]}]}, "each one of a list is a name, or has one"),
        ({"provider": [7]}, "each one of a list is a name, or has one"),
        ({"provider": ["bird"], "routes": [{"name": "bird"}]}, "`provider` is a list already"),
    ],
)
def test_a_list_that_names_nobody_is_refused(document, said):
    with pytest.raises(ValueError, match=said):
        provider_list_as_routes(document)


def test_what_is_wrong_with_routes_as_a_whole_is_said():
    bird, octopush = LIMITS["bird"], LIMITS["octopush"]
    [twice] = find_route_problems([NORDIC, NORDIC], Channel.SMS, [bird, bird])
    assert "bird is there twice" in twice
    [email] = find_route_problems([NORDIC, FRENCH], Channel.EMAIL, [bird, octopush])
    assert "an e-mail address has no country" in email
    others = replace(octopush, placeholders=("name",))
    [placeholders] = find_route_problems([FRENCH, ALL], Channel.SMS, [octopush, others])
    assert "octopush and dripcel fill in placeholders of their own" in placeholders
    assert find_route_problems([NORDIC, ALL], Channel.SMS, [bird, octopush]) == []


def test_the_limits_of_one_provider_are_its_own():
    assert all(common_limits([can]) is can for can in LIMITS.values())


@given(st.lists(st.sampled_from(PROVIDER_NAMES), min_size=2, unique=True))
def test_what_keeps_to_the_common_limits_keeps_to_those_of_each(names):
    limits = [LIMITS[name] for name in names]
    common = common_limits(limits)
    for can in limits:
        assert common.channels <= can.channels
        assert common.contents <= can.contents
        assert common.max_recipients_per_request <= can.max_recipients_per_request
        assert can.max_text_chars is None or common.max_text_chars <= can.max_text_chars
        assert can.media_countries is None or common.media_countries <= can.media_countries
        assert can.addresses_external_codes or not common.addresses_external_codes
        assert set(can.placeholders) <= set(common.placeholders)
