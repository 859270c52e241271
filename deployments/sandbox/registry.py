"""The providers that the sandbox plays. Adding one is one line here and one module beside this one."""

from collections.abc import Mapping
from typing import Any

from deployments.sandbox.bird.app import BirdSandbox
from deployments.sandbox.dripcel.app import DripcelSandbox
from deployments.sandbox.indigitall.app import IndigitallSandbox
from deployments.sandbox.octopush.app import OctopushSandbox
from deployments.sandbox.provider import ProviderSandbox

PROVIDERS: Mapping[str, type[ProviderSandbox[Any]]] = {
    "bird": BirdSandbox,
    "dripcel": DripcelSandbox,
    "indigitall": IndigitallSandbox,
    "octopush": OctopushSandbox,
}
