"""Every channel and form of content through the whole flow, not only texts to numbers."""

import pytest

from flows.parameters import read_campaign
from flows.send_campaign import send_campaign
from tasks.contacts.audience import Audience
from tasks.messaging.statuses import ExclusionReason, MessageStatus


@pytest.fixture
def people(tmp_path):
    """A list with numbers, e-mail addresses and the shop's own keys; each row lacks something else."""
    path = tmp_path / "people.csv"
    path.write_text(
        "Customer ID,First name,Mobile,Email\n"
        "C-1,Ann,+12125550101,ann@example.com\n"
        "C-2,Bob,,bob@example.com\n"
        "C-3,Eve,+12125550103,\n"
        "C-4,,,\n",
        encoding="utf-8",
    )
    return Audience(path=str(path))


def test_an_e_mail_goes_to_the_addresses_of_the_list(sandbox, people, database_url):
    campaign = read_campaign("data/campaigns/dripcel-newsletter.yaml").model_copy(update={"audience": people})
    account = send_campaign(campaign)
    assert account.statuses == {MessageStatus.ACCEPTED: 2}
    assert account.exclusions == {ExclusionReason.MISSING_ADDRESS: 2}
    assert sandbox.received("dripcel") == {"ann@example.com": 1, "bob@example.com": 1}
    assert sandbox.warnings("dripcel") == []


def test_a_provider_that_knows_the_contacts_reaches_rows_that_have_only_a_key(sandbox, people, database_url):
    campaign = read_campaign("data/campaigns/indigitall-order-update.yaml")
    template = campaign.template.model_copy(
        update={"fields": {"first_name": "{{ first_name | default('there') }}", "order": "{{ customer_id }}"}}
    )
    account = send_campaign(campaign.model_copy(update={"audience": people, "template": template}))
    assert account.statuses == {MessageStatus.ACCEPTED: 4}
    assert sandbox.received("indigitall") == {
        "+12125550101": 1,
        "external:C-2": 1,
        "+12125550103": 1,
        "external:C-4": 1,
    }
    assert sandbox.texts("indigitall")["+12125550103"].startswith("Hi Eve, your order C-3")


def test_pictures_go_to_the_countries_that_have_multimedia_messages(sandbox, campaign, contact_file):
    contacts = contact_file(2, name="mms.csv", extra=[["Anke", "+49 171 3920001", "Bonn", ""]])
    job = campaign(
        "bird", channel="mms", media=[{"url": "https://example.com/cat.png"}], audience={"path": str(contacts)}
    )
    account = send_campaign(job)
    assert account.handed_over == 2
    assert account.exclusions == {ExclusionReason.UNSUPPORTED_COUNTRY: 1}
    assert sandbox.warnings("bird") == []
