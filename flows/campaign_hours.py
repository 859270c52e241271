"""The `hours` of a campaign: rules in the campaign file itself, or the name of a file that has them."""

from typing import Any

from pydantic import Field, model_validator

from flows.yaml_files import YamlFileError, read_yaml
from tasks.messaging.hours_rules import HoursRule
from tasks.messaging.strict_model import StrictModel


class CampaignHours(StrictModel):
    """When people may be written to.

    A file is read when the campaign is: its rules become the campaign's own. So a run keeps to what it was planned
    with, also where the file is not, and a table that was changed meanwhile is refused with what changed.
    """

    path: str | None = Field(
        default=None,
        title="File of rules",
        description="A YAML file with `rules`, such as data/sending_hours.yaml. Empty: the rules are given here.",
    )
    rules: tuple[HoursRule, ...] = Field(
        (), title="Rules", description="Each is a window of the day, for some countries."
    )

    @model_validator(mode="before")
    @classmethod
    def _read_rules(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not data.get("path"):
            return data
        if data.get("rules"):
            raise ValueError("give `path` or `rules`, and not both")
        return {**data, "path": None, "rules": _rules_of(str(data["path"]))}

    @model_validator(mode="after")
    def _has_rules(self) -> "CampaignHours":
        if not self.rules:
            raise ValueError("has no rules: give `rules`, or as `path` a file with them, data/sending_hours.yaml")
        return self


def _rules_of(path: str) -> Any:
    try:
        document = read_yaml(path)
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except YamlFileError as error:
        raise ValueError(f"{path} {error}") from None
    if not isinstance(document, dict) or document.keys() != {"rules"}:
        raise ValueError(f"{path} is no table of sending hours: it has `rules:`, and nothing else")
    return document["rules"]
