"""The providers by name. This is the only module that lists them."""

from functools import cache
from importlib import import_module
from typing import Any

from tasks.providers.base import Provider
from tasks.providers.callbacks import CallbackReader
from tasks.providers.reader import ProviderReader

_ADAPTERS = {
    "bird": "tasks.providers.bird.adapter:Bird",
    "dripcel": "tasks.providers.dripcel.adapter:Dripcel",
    "indigitall": "tasks.providers.indigitall.adapter:Indigitall",
    "octopush": "tasks.providers.octopush.adapter:Octopush",
}

_READERS = {
    "bird": "tasks.providers.bird.reader:BirdReader",
    "dripcel": "tasks.providers.dripcel.reader:DripcelReader",
    "indigitall": "tasks.providers.indigitall.reader:IndigitallReader",
}

_CALLBACKS = {
    "bird": "tasks.providers.bird.callbacks:BirdCallbacks",
    "dripcel": "tasks.providers.dripcel.callbacks:DripcelCallbacks",
    "octopush": "tasks.providers.octopush.callbacks:OctopushCallbacks",
}

PROVIDER_NAMES = tuple(_ADAPTERS)
"""Every provider that a campaign can name."""


def load_provider(name: str) -> type[Provider]:
    """The adapter class of a provider.

    Raises:
        KeyError: There is no such provider.
    """
    adapter: type[Provider] = _load(_ADAPTERS[name])
    return adapter


def load_reader(name: str) -> type[ProviderReader] | None:
    """The class that asks a provider; None where there is nothing to ask."""
    if name not in _READERS:
        return None
    reader: type[ProviderReader] = _load(_READERS[name])
    return reader


@cache
def load_callbacks(name: str) -> CallbackReader | None:
    """What reads a provider's callbacks; None where it never calls."""
    if name not in _CALLBACKS:
        return None
    callbacks: type[CallbackReader] = _load(_CALLBACKS[name])
    return callbacks()


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
