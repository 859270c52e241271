"""What stands in the place of an address for contacts that only the provider can address."""

_EXTERNAL_PREFIX = "external:"


def external_address(external_code: str) -> str:
    """The address, in the ledger, of a contact that is known by the client's own key alone."""
    return f"{_EXTERNAL_PREFIX}{external_code}"


def reachable_address(address: str) -> str:
    """The phone number or e-mail address; "" where the provider has to look it up by the contact's key."""
    return "" if address.startswith(_EXTERNAL_PREFIX) else address
