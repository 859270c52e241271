"""The providers by name. This is the only module that lists them."""

from importlib import import_module

from tasks.providers.base import Provider

_ADAPTERS = {
    "bird": "tasks.providers.bird.adapter:Bird",
    "dripcel": "tasks.providers.dripcel.adapter:Dripcel",
    "indigitall": "tasks.providers.indigitall.adapter:Indigitall",
    "octopush": "tasks.providers.octopush.adapter:Octopush",
}

PROVIDER_NAMES = tuple(_ADAPTERS)
"""Every provider that a campaign can name."""


def load_provider(name: str) -> type[Provider]:
    """The adapter class of a provider.

    Raises:
        KeyError: There is no such provider.
    """
    module, _, class_name = _ADAPTERS[name].partition(":")
    adapter: type[Provider] = getattr(import_module(module), class_name)
    return adapter
