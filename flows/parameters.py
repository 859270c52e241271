"""The campaign file: one YAML file, one pydantic model, one Prefect UI form.

What is wrong in it is said for people: which key, what stands there, what to write instead.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    SecretStr,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import CoreSchema

from flows.campaign_hours import CampaignHours
from flows.form_groups import grouped, ungrouped
from flows.yaml_files import YamlFileError, read_yaml
from tasks.concealment import conceal_text
from tasks.contacts.addresses import tidy_address
from tasks.contacts.audience import Audience
from tasks.contacts.file_references import FileReference
from tasks.identity import RunIdentity
from tasks.messaging.content import Content, Media, ProviderTemplate
from tasks.messaging.durations import format_duration, parse_duration
from tasks.messaging.frequency import FrequencyCap
from tasks.messaging.statuses import Channel, Purpose
from tasks.messaging.strict_model import StrictModel
from tasks.providers.base import ProviderOptions
from tasks.providers.registry import PROVIDER_NAMES, load_provider
from tasks.routes import Route, RouteChoice, known_provider, provider_list_as_routes


class CampaignError(Exception):
    """The campaign file cannot be used. Nothing was sent.

    Args:
        where: The file, or what stands for it.
        problems: One sentence each, beginning with the key.
    """

    def __init__(self, where: str, problems: list[str]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"{where}: {problems[0]}" if len(problems) == 1 else f"{where} has several faults:\n{lines}"
        )
        self.problems = problems


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]


def _some_time(duration: timedelta) -> timedelta:
    if not duration:
        raise ValueError("is no time at all; write for example 4h, or leave it out")
    return duration


class Schedule(StrictModel):
    """When to send."""

    send_at: AwareDatetime | None = Field(
        default=None,
        title="Send at",
        description="ISO 8601 with a UTC offset; the provider holds the messages until then. Empty: at once.",
    )
    max_lateness: Duration = Field(
        default=timedelta(hours=2),
        title="Most lateness",
        description="If `send_at`, or the time for which this was scheduled in Prefect, has passed by more than "
        "this, nothing is sent. For example 30m, 2h, 1d.",
        json_schema_extra={"default": "2h"},  # as the form shows it; pydantic would write PT2H
    )

    def is_missed(self, instant: datetime | None, now: datetime | None = None) -> bool:
        """Whether an instant has passed by more than `max_lateness`."""
        return instant is not None and (now or datetime.now(UTC)) - instant > self.max_lateness


if TYPE_CHECKING:
    OptionsByProvider = StrictModel
else:
    OptionsByProvider = create_model(
        "OptionsByProvider",
        __base__=StrictModel,
        __doc__="The chosen provider's own request fields.",
        **{
            name: (
                load_provider(name).Options | None,
                Field(default=None, description=f"Only for campaigns through {name}."),
            )
            for name in PROVIDER_NAMES
        },
    )


SEEDS_SUFFIX = ":seeds"
"""Of the run key under which the seeds of a campaign get it."""
_MOST_RUN_KEY_CHARS = 100
_NAME_PATTERN = r"^[ .-]*\w[\w .-]*$"
_RUN_KEY_PATTERN = rf"^[\w:.+-]{{1,{_MOST_RUN_KEY_CHARS}}}$"


class Campaign(StrictModel):
    """One campaign: what is said, to whom, through which provider."""

    name: str = Field(
        pattern=_NAME_PATTERN,
        max_length=200,
        description="What reports and dashboards call it: letters, digits, spaces, dots, dashes and underscores. "
        "A name and a run key are sent once, ever.",
    )
    run_key: str = Field(
        default="1",
        pattern=_RUN_KEY_PATTERN,
        title="Run key",
        description="A new value sends the same campaign again; the same value resumes it.",
    )
    channel: Channel
    provider: Annotated[str, AfterValidator(known_provider)] = Field(
        description="Through whom it is sent. Its credentials are under Blocks, or in variables of the worker.",
        json_schema_extra={"enum": list(PROVIDER_NAMES)},
    )
    purpose: Purpose = Field(
        description="marketing needs consent and a way out; transactional is what the recipient asked for."
    )
    text: str | None = Field(
        default=None,
        min_length=1,
        description="Jinja template; a contact's columns are its variables: {{ first_name }}.",
    )
    subject: str | None = Field(
        default=None, min_length=1, description="Title of an e-mail or multimedia message."
    )
    media: list[Media] = Field(default_factory=list, description="Pictures or files of a multimedia message.")
    template: ProviderTemplate | None = Field(default=None, description="Content that lives at the provider.")
    sender: str | None = Field(
        default=None, description="Sender ID, number or address; the provider's default when empty."
    )
    validity: Annotated[Duration, AfterValidator(_some_time)] | None = Field(
        default=None,
        description="How long a message may wait for its recipient, for example 4h.",
    )
    tags: list[str] = Field(
        default_factory=list, description="Labels under which the provider files the messages."
    )
    flash: bool = Field(default=False, description="Show the SMS at once on the handset, and do not keep it.")
    replies: bool = Field(default=False, description="Recipients shall be able to answer.")
    track_links: bool = Field(default=False, title="Track links", description="Count clicks on links in the text.")
    audience: Audience
    schedule: Schedule = Field(default_factory=Schedule)
    frequency_cap: FrequencyCap | None = Field(
        default=None,
        title="Frequency cap",
        description="Marketing only: leave out who has had so many marketing messages, of whatever campaign.",
    )
    routes: list[Route] = Field(
        default_factory=list,
        max_length=len(PROVIDER_NAMES),
        title="Several providers",
        description="Instead of one: which provider is for which countries; the first is the provider above. When "
        "one is down or out of credit, the next one that takes the country gets what was not sent.",
    )
    choose: RouteChoice = Field(
        default=RouteChoice.LISTED,
        title="Choose",
        description="Of several providers that take a country, the first one listed, or the cheapest by the table "
        "of prices.",
    )
    prices: FileReference | None = Field(
        default=None,
        min_length=1,
        title="Table of prices",
        description="What a message costs by provider and country, in the form of data/prices.csv: a plan then "
        "says what it would cost.",
    )
    hours: CampaignHours | None = Field(
        default=None,
        title="Sending hours",
        description="When people may be written to, by the clock where they are; what is not allowed now waits.",
    )
    test_mode: bool = Field(
        default=False, title="Test mode", description="Use the provider's own simulation: nobody gets a message."
    )
    options: OptionsByProvider = Field(default_factory=OptionsByProvider)

    @model_validator(mode="before")
    @classmethod
    def _take_from_groups(cls, data: Any) -> Any:
        return provider_list_as_routes(ungrouped(data)) if isinstance(data, dict) else data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        of_campaign = handler.resolve_ref_schema(schema)
        in_groups = grouped(of_campaign)
        of_campaign.clear()
        of_campaign.update(in_groups)
        return schema

    @model_validator(mode="after")
    def _content_and_options_fit(self) -> Self:
        _ = self.content
        if self.frequency_cap is not None and self.purpose is not Purpose.MARKETING:
            raise ValueError("frequency_cap: is for marketing only; the purpose is transactional: remove it")
        foreign = [
            name
            for name in PROVIDER_NAMES
            if name not in self.providers and getattr(self.options, name) is not None
        ]
        if foreign:
            named = " and ".join(self.providers)
            raise ValueError(f"options.{foreign[0]}: the provider is {named}; remove these options")
        return self

    @model_validator(mode="after")
    def _seeds_have_a_run_key(self) -> Self:
        if self.audience.seeds is not None and len(self.run_key) > _MOST_RUN_KEY_CHARS - len(SEEDS_SUFFIX):
            raise ValueError(f"run_key: seeds are sent to as `RUN_KEY{SEEDS_SUFFIX}`, which would be too long")
        return self

    @model_validator(mode="after")
    def _routes_fit(self) -> Self:
        if self.routes and self.routes[0].name != self.provider:
            raise ValueError(
                f"provider: the first of the routes is {self.routes[0].name}; write that one here too"
            )
        if self.choose is RouteChoice.CHEAPEST and not self.routes:
            raise ValueError("choose: there is one provider only; make `provider` a list of those to choose from")
        if self.choose is RouteChoice.CHEAPEST and self.prices is None:
            raise ValueError(
                "choose: the cheapest is known by a table of prices, for example prices: data/prices.csv"
            )
        return self

    @property
    def providers(self) -> tuple[str, ...]:
        """Everybody whom messages may be handed over to."""
        return tuple(route.name for route in self.routes) or (self.provider,)

    @property
    def content(self) -> Content:
        """What the messages share."""
        return Content(
            channel=self.channel,
            purpose=self.purpose,
            text=self.text,
            subject=self.subject,
            media=tuple(self.media),
            template=self.template,
            sender=self.sender,
            send_at=self.schedule.send_at,
            test_mode=self.test_mode,
            validity_seconds=round(self.validity.total_seconds()) if self.validity else None,
            tags=tuple(self.tags),
            flash=self.flash,
            replies=self.replies,
            track_links=self.track_links,
        )

    def options_of(self, provider: str) -> dict[str, Any]:
        """`options.<provider>` of one of its providers as JSON data, its defaults where the file gives none."""
        given: ProviderOptions | None = getattr(self.options, provider)
        options = load_provider(provider).Options() if given is None else given
        return options.model_dump(mode="json")

    def as_document(self) -> dict[str, Any]:
        """The campaign as JSON data, defaults left out: what the ledger keeps and later runs are compared with."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def identity(self) -> RunIdentity:
        """What a run of this campaign is planned as."""
        return RunIdentity(
            name=self.name,
            run_key=self.run_key,
            provider=self.provider,
            content=self.content,
            options={name: self.options_of(name) for name in self.providers}
            if self.routes
            else self.options_of(self.provider),
            campaign=self.as_document(),
        )

    def find_problems(self, now: datetime | None = None, countries: frozenset[str] = frozenset()) -> list[str]:
        """What would go wrong with it, as sentences: the providers' rules, and a schedule that has passed.

        Args:
            now: The current instant; taken from the clock when not given.
            countries: Countries in the audience, empty while they are not known.
        """
        problems = self.identity.find_problems(countries)
        if self.schedule.is_missed(self.schedule.send_at, now):
            problems.append(
                f"schedule.send_at: {self.schedule.send_at} has passed by more than max_lateness "
                f"({format_duration(self.schedule.max_lateness)}); choose another time, or allow more lateness"
            )
        return problems

    def find_lateness(self, scheduled_for: datetime | None, now: datetime | None = None) -> list[str]:
        """A flow run that starts long after the time it was scheduled for: what was right then may disturb now.

        Args:
            scheduled_for: When it should have started.
            now: The current instant; taken from the clock when not given.
        """
        if not self.schedule.is_missed(scheduled_for, now):
            return []
        allowed = format_duration(self.schedule.max_lateness)
        when = f"{scheduled_for:%Y-%m-%d %H:%M %Z}"
        return [
            f"schedule.max_lateness: scheduled for {when}, more than {allowed} ago; start it anew, or allow more"
        ]


_MOST_PROBLEMS = 5
_MOST_SENTENCE_CHARS = 600


def read_campaign(path: str | Path, **overrides: Any) -> Campaign:
    """Read a campaign file.

    Args:
        path: A YAML file.
        overrides: Top-level keys that replace those of the file.

    Raises:
        CampaignError: The file cannot be read, or what stands in it cannot be used.
    """
    try:
        document = read_yaml(path)
    except FileNotFoundError:
        raise CampaignError(str(path), ["there is no such campaign file"]) from None
    except YamlFileError as error:
        raise CampaignError(str(path), [str(error)]) from None
    if not isinstance(document, dict):
        raise CampaignError(str(path), ["is not a campaign: it should begin with `name: ...`"])
    return parse_campaign({**document, **overrides}, where=str(path))


def parse_addresses(only: Sequence[SecretStr]) -> frozenset[str]:
    """Phone numbers with their country code, or e-mail addresses, in the form of the ledger.

    Raises:
        CampaignError: One of them is neither; or Prefect kept asterisks instead of them.
    """
    addresses = set()
    for place, secret in enumerate(only, 1):
        text = secret.get_secret_value().strip()
        if text and not text.strip("*"):
            raise CampaignError(
                "only", ["Prefect does not keep addresses: give them on the command line or in Python"]
            )
        address = tidy_address(text, is_email="@" in text)
        if address is None:
            raise CampaignError(
                "only", [f"address {place} is no phone number with a country code (+1...) and no e-mail address"]
            )
        addresses.add(address)
    return frozenset(addresses)


def parse_campaign(document: dict[str, Any], *, where: str = "campaign") -> Campaign:
    """Make a campaign of JSON-like data.

    Raises:
        CampaignError: It names every problem at once.
    """
    try:
        return Campaign.model_validate(document)
    except ValidationError as error:
        raise CampaignError(where, explain_validation(error)) from None
    except (OverflowError, RecursionError) as error:
        raise CampaignError(where, [f"has a value that cannot be used ({type(error).__name__})"]) from None


_PLAIN_WORDS = {
    "missing": "is missing",
    "tuple_type": "is a list: [one, another]",
    "list_type": "is a list: [one, another]",
    "model_type": "has keys of its own, indented below it",
    "timezone_aware": "needs a UTC offset, for example 2026-03-20T10:00:00+01:00",
}
_PATTERNS_IN_WORDS = {
    _NAME_PATTERN: "may have letters, digits, spaces, dots, dashes and underscores, at least one letter or digit",
    _RUN_KEY_PATTERN: f"is 1 to {_MOST_RUN_KEY_CHARS} letters, digits and :.+-_ without spaces",
}


def explain_validation(error: ValidationError) -> list[str]:
    """One sentence per problem, beginning with the key. Without secrets and addresses: values may be personal."""
    sentences = []
    problems = error.errors(include_url=False, include_input=False)
    for problem in problems[:_MOST_PROBLEMS]:
        key = ".".join(str(part) for part in problem["loc"])
        text = problem["msg"].removeprefix("Value error, ")
        text = _PLAIN_WORDS.get(problem["type"], text)
        text = _PATTERNS_IN_WORDS.get(str(problem.get("ctx", {}).get("pattern")), text)
        sentence = conceal_text(f"{key}: {text}" if key else text)
        sentences.append(
            sentence if len(sentence) <= _MOST_SENTENCE_CHARS else f"{sentence[:_MOST_SENTENCE_CHARS]}..."
        )
    if len(problems) > _MOST_PROBLEMS:
        sentences.append(f"and {len(problems) - _MOST_PROBLEMS:,} more")
    return sentences
