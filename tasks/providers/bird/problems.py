"""What Bird would refuse in a campaign, or do otherwise than expected."""

import re
from datetime import UTC, datetime, timedelta

from tasks.messaging.content import Content, ContentKind
from tasks.messaging.durations import format_duration
from tasks.messaging.statuses import Channel, Purpose
from tasks.providers.bird.options import BirdOptions
from tasks.providers.bird.request import CONTACT_ID, LATEST_VERSION, USE_CASE, is_picture, is_uuid, tags_of

MAX_TAGS = 10
MAX_MEDIA = 10
MEDIA_COUNTRIES = frozenset({"US", "CA"})
MAX_SCHEDULE_AHEAD = timedelta(days=35)

_SENT_AT_ONCE = timedelta(minutes=10)
_JINJA = re.compile(r"\{[{%#]")


def find_bird_problems(
    content: Content, options: BirdOptions, countries: frozenset[str] = frozenset()
) -> list[str]:
    """What Bird would refuse or silently change, one sentence each, beginning with the key."""
    problems = []
    from_options = options.sender and options.sender.identifier_value
    if content.sender and from_options and content.sender != from_options:
        problems.append("sender: differs from options.bird.sender.identifier_value; give one of them")
    if content.subject is not None and _JINJA.search(content.subject):
        problems.append("subject: bird gets it as it stands, the same for all; a template in it is not filled in")
    if content.validity_seconds and options.validity and content.validity_seconds != options.validity:
        problems.append("validity: differs from options.bird.validity; give one of them")
    if content.track_links and options.enable_link_tracking is False:
        problems.append("track_links: options.bird.enable_link_tracking says the opposite; give one of them")
    if len(tags_of(content, options)) > MAX_TAGS:
        problems.append(f"tags: bird takes at most {MAX_TAGS}")
    problems += _media_problems(content, countries)
    problems += _template_problems(content, options)
    problems += _text_option_problems(content, options)
    problems += _use_case_problems(content, options)
    return problems


def _media_problems(content: Content, countries: frozenset[str]) -> list[str]:
    problems = []
    if content.channel is Channel.MMS and content.kind is ContentKind.TEXT:
        problems.append("channel: an mms needs `media`; a text alone goes as sms")
    if not content.media:
        return problems
    if content.channel is Channel.SMS:
        problems.append("media: goes as mms; set `channel: mms`")
    if elsewhere := sorted(countries - MEDIA_COUNTRIES):
        problems.append(f"media: bird sends it to the US and Canada only, the audience has {', '.join(elsewhere)}")
    if not all(map(is_picture, content.media)) and any(item.content_type is None for item in content.media):
        problems.append("media: with anything but pictures among them, each needs its content_type")
    return problems


def _template_problems(content: Content, options: BirdOptions) -> list[str]:
    problems = []
    template = content.template
    if template is None:
        if options.template is not None:
            problems.append("options.bird.template: the campaign has no `template`")
        return problems
    if not is_uuid(template.id):
        problems.append(f"template.id: bird needs the project's UUID, not {template.id!r}")
    if template.version not in {None, LATEST_VERSION} and not is_uuid(template.version or ""):
        problems.append(f"template.version: bird takes a UUID or `{LATEST_VERSION}`, not {template.version!r}")
    if options.short_links is not None:
        problems.append("options.bird.short_links: a template has its own; use options.bird.template.short_links")
    if content.subject is not None:
        problems.append("subject: a template brings its own")
    return problems


def _text_option_problems(content: Content, options: BirdOptions) -> list[str]:
    if options.text is None or content.kind is ContentKind.TEXT:
        return []
    return [f"options.bird.text: belongs to a text, the campaign has `{content.kind}`"]


def _use_case_problems(content: Content, options: BirdOptions) -> list[str]:
    problems = []
    marketing = Purpose.MARKETING.value
    information = (options.meta and options.meta.extra_information) or {}
    use_case = information.get(USE_CASE, content.purpose.value)
    if use_case is not None and (use_case == marketing) != (content.purpose is Purpose.MARKETING):
        problems.append(
            f"options.bird.meta.extra_information.{USE_CASE}: {use_case!r} contradicts purpose {content.purpose}"
        )
    if options.cap_frequency:
        if use_case != marketing or content.purpose is not Purpose.MARKETING:
            problems.append(
                f"options.bird.cap_frequency: needs purpose {marketing}, and no other {USE_CASE} in "
                "options.bird.meta.extra_information"
            )
        if options.receiver.identifier_key is None:
            problems.append(
                "options.bird.cap_frequency: needs contacts as recipients; set receiver.identifier_key"
            )
    return problems


def find_bird_warnings(content: Content, options: BirdOptions) -> list[str]:
    """What Bird would do otherwise than a reader of the campaign expects, one sentence each."""
    warnings = []
    if content.send_at is not None and content.send_at < datetime.now(UTC) + _SENT_AT_ONCE:
        warnings.append(
            f"schedule.send_at: {content.send_at} is past, or less than {format_duration(_SENT_AT_ONCE)} ahead: "
            "bird may send at once"
        )
    if options.ignore_quiet_hours and content.purpose is Purpose.MARKETING:
        warnings.append(
            "options.bird.ignore_quiet_hours: marketing goes out at once, also in the recipients' night"
        )
    if options.cap_frequency and options.receiver.identifier_key != CONTACT_ID:
        warnings.append(
            "options.bird.cap_frequency: counts what a contact got; bird makes a new contact of each number that "
            f"it does not know. receiver.identifier_key: {CONTACT_ID} addresses the known ones"
        )
    return warnings
