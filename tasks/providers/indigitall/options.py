"""What a campaign can ask of indigitall, and what indigitall would refuse or silently drop in it."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, EmailStr, Field, JsonValue, SecretStr

from tasks.messaging.content import Content
from tasks.messaging.statuses import Channel, Purpose
from tasks.providers.base import ProviderCredentials, ProviderOptions

_GENERIC_HOST = "api.indigitall.com"
_REGIONS = (
    f"https://am1.{_GENERIC_HOST} (Americas), eu1 (Europe, accounts from before 2021), "
    "eu2 (Europe and world, after 2021) or eu3 (after September 2024)"
)

_MAX_CAMPAIGN_ID_DIGITS = 18


class PhoneForm(StrEnum):
    """How a contact's phone number is written."""

    BOTH = "both"
    """Both of the others; the E.164 form takes precedence."""
    E164 = "e164"
    """`+46701740605`, under a name that is likely."""
    NATIONAL = "national"
    """Calling code and national digits apart, under documented names."""


class NlsCharset(StrEnum):
    """Character set of an SMS in GSM-7, and its national language shift table."""

    AUTO = "auto"
    """indigitall chooses by the characters of the message, and by what is available."""
    STANDARD = "standard"
    """Always the default alphabet."""
    SPANISH = "spanish"
    """Always the Spanish table."""


class SendType(StrEnum):
    """What a sending counts as. It goes to the contacts of the request in both cases."""

    LIST = "list"
    """Transactional."""
    ALL = "all"
    """Massive."""


def _in_a_region(base_url: str) -> str:
    if urlsplit(base_url).hostname == _GENERIC_HOST:
        raise ValueError(f"{_GENERIC_HOST} refuses the keys of accounts; use the account's region: {_REGIONS}")
    return base_url


class IndigitallCredentials(ProviderCredentials):
    """Connection data of one indigitall project."""

    base_url: Annotated[str, AfterValidator(_in_a_region)] = Field(
        title="Base URL", description=f"Of the account's region, there is no common one: {_REGIONS}."
    )
    server_key: SecretStr = Field(
        title="Server key", description="Made in the console; needs a role that may send. It may be tied to IPs."
    )
    application_id: int | None = Field(
        default=None, title="Application ID", description="Of the project; what was sent is read by it."
    )


class IndigitallOptions(ProviderOptions):
    """indigitall's own request fields. What is left out here is left out of the request."""

    phone_form: PhoneForm = Field(default=PhoneForm.BOTH, description="SMS: how phone numbers are written.")
    flash: bool | None = Field(
        default=None, description="SMS: shown at once and not kept. The same as the campaign's `flash`."
    )
    nls: NlsCharset | None = Field(
        default=None,
        description="SMS: character set in GSM-7; `auto` when empty. Not every region has it. The text lives at "
        "indigitall, so Rollcall counts no parts either way.",
    )
    send_type_override: SendType | None = Field(
        default=None,
        description="SMS: what the sending counts as. Empty: `list` for a transactional campaign, `all` for "
        "marketing.",
    )
    origin_data: dict[str, JsonValue] | None = Field(
        default=None, description="SMS: passed through with each contact; its shape is not documented."
    )
    cc: tuple[EmailStr, ...] = Field(default=(), description="E-mail: addresses that get a copy.")
    bcc: tuple[EmailStr, ...] = Field(default=(), description="E-mail: addresses that get a blind copy.")
    smart_time_config: dict[str, JsonValue] | None = Field(
        default=None, description="E-mail: optimises when each is sent; its shape is not documented."
    )
    blacklist: tuple[int, ...] = Field(
        default=(), max_length=1, description="E-mail: id of an audience that is left out; at most one."
    )


_OPTIONS_OF = {
    Channel.SMS: ("phone_form", "flash", "nls", "send_type_override", "origin_data"),
    Channel.EMAIL: ("cc", "bcc", "smart_time_config", "blacklist"),
}


def find_indigitall_problems(content: Content, options: IndigitallOptions) -> list[str]:
    """What indigitall would refuse or drop without a word, one sentence each, beginning with the key."""
    return [
        *_template_problems(content),
        *_foreign_options(content.channel, options),
        *(
            ["flash: options.indigitall.flash says the opposite; give one of them"]
            if content.flash and options.flash is False
            else []
        ),
    ]


def find_indigitall_warnings(content: Content, options: IndigitallOptions) -> list[str]:
    """What indigitall would do otherwise than a reader of the campaign expects, one sentence each."""
    warnings = []
    if (
        content.channel is Channel.SMS
        and content.purpose is Purpose.MARKETING
        and options.send_type_override is None
    ):
        warnings.append(
            "purpose: marketing is sent as massive (sendTypeOverride: all), to the contacts of the list; "
            "`options.indigitall.send_type_override: list` sends it as transactional"
        )
    if options.nls is not None and options.nls is not NlsCharset.AUTO:
        warnings.append(
            f"options.indigitall.nls: not every region and route has {options.nls}; the text lives at "
            "indigitall, so its parts are not counted here"
        )
    if options.cc or options.bcc:
        warnings.append(
            "options.indigitall.cc and bcc: each recipient's e-mail may be copied to them, which for a long list "
            "is thousands; the documentation does not say"
        )
    return warnings


def _template_problems(content: Content) -> list[str]:
    template = content.template
    if template is None:
        return []
    problems = []
    digits = template.id
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_CAMPAIGN_ID_DIGITS):
        problems.append(f"template.id: indigitall needs the number of a campaign, not {digits!r}")
    problems += [
        f"template.{key}: indigitall's campaigns have none; remove it"
        for key in ("version", "locale")
        if getattr(template, key) is not None
    ]
    return problems


def _foreign_options(channel: Channel, options: IndigitallOptions) -> list[str]:
    """Options of the other channel, which its call does not know."""
    fields = IndigitallOptions.model_fields
    return [
        f"options.indigitall.{key}: belongs to channel {other}, the campaign's is {channel}"
        for other, keys in _OPTIONS_OF.items()
        if other is not channel and channel in _OPTIONS_OF
        for key in keys
        if getattr(options, key) != fields[key].default
    ]
