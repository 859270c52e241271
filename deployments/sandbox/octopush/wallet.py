"""What Octopush says about an account's credit."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from starlette.datastructures import QueryParams

from deployments.sandbox.octopush.parameters import Warn
from deployments.sandbox.octopush.switches import OctopushSettings

# The same page names the products of a balance one way and the keys of the credits another way.
_BALANCE_PRODUCTS = ("sms_premium", "sms_low_cost", "vocal_sms", "hlr", "euro")
_PACKS_EXPIRE = "2030-12-31 23:59:59"


def balance_answer(
    query: QueryParams, credit: Decimal, settings: OctopushSettings, warn: Warn
) -> Mapping[str, Any]:
    """`/wallet/check-balance`: how many SMS of a product, or how many euros, are left."""
    product = query.get("product_name", "sms_premium")
    if product not in _BALANCE_PRODUCTS:
        warn("product_name", f"not one of {', '.join(_BALANCE_PRODUCTS)}; replaced by sms_premium")
        product = "sms_premium"
    if "country_code" not in query and product != "euro":
        warn("country_code", "missing; taken as FR")
    amount = {
        "sms_premium": _sms_left(credit, settings.price_premium),
        "sms_low_cost": _sms_left(credit, settings.price_low_cost),
        "euro": float(credit),
    }.get(product, 0)
    answer: dict[str, Any] = {"amount": amount, "unit": product}
    if query.get("with_details") == "1":
        answer["wallet_packs"] = [{"id": 1, "credit": amount, "expiration_date": _PACKS_EXPIRE}]
    return answer


def credits_answer(
    query: QueryParams, credit: Decimal, settings: OctopushSettings, warn: Warn
) -> Mapping[str, Any]:
    """`/wallet/check-credits`: how many SMS of each product are left, by country."""
    countries = query.getlist("country_codes[]")
    if not countries:
        warn("country_codes[]", "missing; taken as FR")
    return {
        country: {
            "premium_sms": _sms_left(credit, settings.price_premium),
            "vocal_sms": 0,
            "low_cost_sms": _sms_left(credit, settings.price_low_cost),
            "hlr": 0,
        }
        for country in countries or ["FR"]
    }


def _sms_left(credit: Decimal, price: float) -> int:
    return int(credit // Decimal(str(price)))
