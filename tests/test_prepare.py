"""What an approval covers of a prepared audience."""

from uuid import UUID

import pytest

from flows.parameters import parse_campaign
from tasks.prepare import prepare_audience


@pytest.fixture
def prepare(tmp_path, ledger):
    """Prepare a campaign through Bird to these rows; the last prepared one."""

    def make(rows, *, seeds=None, **receiver):
        path = tmp_path / "contacts.csv"
        path.write_text("\n".join(["Mobile,External code", *rows]) + "\n", encoding="utf-8")
        audience = {"path": str(path)}
        if seeds is not None:
            audience["seeds"] = str(tmp_path / "seeds.csv")
            (tmp_path / "seeds.csv").write_text("\n".join(["Mobile", *seeds]) + "\n", encoding="utf-8")
        given = {"name": "t", "channel": "sms", "provider": "bird", "purpose": "transactional", "text": "Hello"}
        options = {"options": {"bird": {"receiver": receiver}}} if receiver else {}
        campaign = parse_campaign({**given, **options, "audience": audience})
        directory = tmp_path / "spool"
        directory.mkdir(exist_ok=True)
        return prepare_audience.fn(campaign.identity, campaign.audience, str(directory))

    return make


def test_the_digest_covers_the_contact_ids_that_a_provider_sends_to(prepare):
    digests = {
        prepare([f"+12125550100,{UUID(int=code)}"], identifier_key="contact_id").digest for code in (1, 2, 1)
    }
    assert len(digests) == 2
