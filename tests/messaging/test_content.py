import pytest
from pydantic import ValidationError

from tasks.messaging.content import Content, ContentKind, Media, ProviderTemplate
from tasks.messaging.statuses import Channel, Purpose

COMMON = {"channel": Channel.SMS, "purpose": Purpose.MARKETING}
PICTURE = Media(url="https://cdn.example.com/a.png")
TEMPLATE = ProviderTemplate(id="42", fields={"name": "{{ first_name }}"})


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ({"text": "Hi"}, ContentKind.TEXT),
        ({"media": (PICTURE,)}, ContentKind.MEDIA),
        ({"media": (PICTURE,), "text": "Hi"}, ContentKind.MEDIA),
        ({"template": TEMPLATE}, ContentKind.TEMPLATE),
    ],
)
def test_content_is_one_of_three_forms(form: dict[str, object], kind: ContentKind) -> None:
    assert Content(**COMMON, **form).kind is kind


@pytest.mark.parametrize("form", [{}, {"text": ""}, {"media": ()}])
def test_content_without_anything_to_send_is_refused(form: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="nothing to send: give `text`, `media` or `template`"):
        Content(**COMMON, **form)


@pytest.mark.parametrize("form", [{"text": "Hi"}, {"media": (PICTURE,)}])
def test_a_providers_template_comes_without_text_or_media(form: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="remove `text` and `media`"):
        Content(**COMMON, template=TEMPLATE, **form)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="txt"):
        Content(**COMMON, text="Hi", txt="Hi")


@pytest.mark.parametrize("url", ["ftp://example.com/a.png", "a.png", "file:///a.png"])
def test_media_must_be_where_the_provider_can_fetch_it(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        Media(url=url)


def test_content_cannot_change_under_a_run() -> None:
    content = Content(**COMMON, text="Hi")
    with pytest.raises(ValidationError, match="frozen"):
        content.text = "Ho"
