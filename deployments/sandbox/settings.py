"""The switches of all providers, and how they are changed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from deployments.sandbox.faults import FaultSettings
from deployments.sandbox.registry import PROVIDERS


class SettingsError(ValueError):
    """A switch that does not exist, or a value that it does not take.

    Attributes:
        problems: Where (`PROVIDER.respond`) to what is wrong and what is allowed.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{where}: {problem}" for where, problem in problems.items()))
        self.problems = dict(problems)


class SandboxSettings:
    """Switches by provider: `SandboxSettings(PROVIDER={"respond": "lose_after"})`; defaults for the rest.

    Raises:
        SettingsError: An unknown provider or switch, or a value that is not allowed.
    """

    def __init__(self, **changes: Mapping[str, Any]) -> None:
        defaults: dict[str, FaultSettings] = {name: provider.Settings() for name, provider in PROVIDERS.items()}
        self._by_provider = _changed(defaults, changes)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the switches from a JSON file of the form that `/settings` shows.

        Raises:
            OSError: The file cannot be read.
            SettingsError: It is not such a JSON object.
        """
        return cls(**parse_changes(path.read_bytes()))

    def __getitem__(self, provider: str) -> FaultSettings:
        return self._by_provider[provider]

    def changed(self, changes: Mapping[str, Any]) -> "SandboxSettings":
        """A copy with some switches set differently; switches that are not named stay.

        Raises:
            SettingsError: As for the constructor; nothing is changed then.
        """
        copy = SandboxSettings()
        copy._by_provider = _changed(self._by_provider, changes)
        return copy

    def as_json(self) -> dict[str, Any]:
        """All switches, as `/settings` shows them."""
        return {name: settings.as_json() for name, settings in self._by_provider.items()}


def parse_changes(raw: bytes) -> dict[str, Any]:
    """Read changes from JSON: `{"PROVIDER": {"respond": "lose_after"}}`.

    Raises:
        SettingsError: Not a JSON object.
    """
    try:
        changes = json.loads(raw)
    except ValueError as error:
        raise SettingsError({".": f"not JSON: {error}"}) from error
    if not isinstance(changes, dict):
        raise SettingsError({".": 'must be a JSON object: {"PROVIDER": {"SWITCH": VALUE}}'})
    return changes


def _changed(current: Mapping[str, FaultSettings], changes: Mapping[str, Any]) -> dict[str, FaultSettings]:
    problems: dict[str, str] = {}
    # Copies, because a list of responses is used up in place.
    result = {name: settings.model_copy(deep=True) for name, settings in current.items()}
    for name, switches in changes.items():
        if name not in result:
            problems[name] = f"unknown provider; allowed: {', '.join(result)}"
            continue
        if not isinstance(switches, Mapping):
            problems[name] = "must be a JSON object of switches"
            continue
        settings_type = type(result[name])
        try:
            result[name] = settings_type.model_validate({**result[name].as_json(), **switches})
        except ValidationError as error:
            for detail in error.errors():
                where = ".".join(map(str, (name, *detail["loc"])))
                unknown = detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1
                allowed = ", ".join(field.alias or name for name, field in settings_type.model_fields.items())
                problems[where] = f"unknown switch; allowed: {allowed}" if unknown else detail["msg"]
    if problems:
        raise SettingsError(problems)
    return result
