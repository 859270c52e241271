from sqlalchemy import select

from tasks.messaging.statuses import Channel, Purpose
from tasks.store import consent, registry
from tasks.store.copies import copy_people
from tasks.store.session import Ledger
from tasks.store.tables import Contact

CONTACT = Contact.__table__
ANN, BO = "+12025550101", "+12025550102"


def test_who_must_be_left_out_is_known_in_the_copy_and_the_source_stays_as_it_was(ledger, tmp_path):
    with ledger.writing() as connection:
        consent.add_suppressions(connection, Channel.SMS, [ANN], reason="opted_out", source="a list")
        columns = {"phone": [ANN, BO], "first_name": ["Ann", "Bo"], "fields": ['{"city": "Paris"}', "{}"]}
        registry.add_contacts(connection, columns)
    with Ledger(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        assert copy_people(ledger, copy) == 3
        with copy.reading() as connection:
            found = registry.find_suppressions(connection, Channel.SMS, Purpose.MARKETING, [ANN, BO], {})
            fields = connection.execute(
                select(Contact.__table__.c.fields).order_by(Contact.__table__.c.id)
            ).scalars()
            assert (set(found), list(fields)) == ({ANN}, [{"city": "Paris"}, {}])
    with ledger.reading() as connection:
        assert len(registry.find_contacts(connection, Channel.SMS, [ANN, BO])) == 2
