from tasks.messaging.statuses import Channel, Purpose
from tasks.store import consent, registry
from tasks.store.tables import SuppressionScope
from tests.rows import columns_of

ANN, BOB, EVE = "+12125550101", "+12125550102", "+12125550103"


def test_known_contacts_are_found_by_the_channels_address(ledger):
    with ledger.writing() as connection:
        registry.add_contacts(
            connection,
            columns_of(
                [
                    {"phone": ANN, "email": "ann@example.com", "fields": {"tier": "gold"}},
                    {"phone": BOB, "enabled": False, "fields": {}},
                ]
            ),
        )
        by_phone = registry.find_contacts(connection, Channel.SMS, [ANN, BOB, EVE])
        by_email = registry.find_contacts(connection, Channel.EMAIL, ["ann@example.com", "eve@example.com"])
    assert {address: contact.enabled for address, contact in by_phone.items()} == {ANN: True, BOB: False}
    assert set(by_email) == {"ann@example.com"}


def test_one_disabled_entry_disables_the_address(ledger):
    with ledger.writing() as connection:
        for enabled in (False, True, True):
            registry.add_contacts(connection, columns_of([{"phone": ANN, "enabled": enabled, "fields": {}}]))
        assert not registry.find_contacts(connection, Channel.SMS, [ANN])[ANN].enabled


def test_a_reimport_never_changes_or_clears_a_suppression(ledger):
    with ledger.writing() as connection:
        consent.add_suppressions(connection, Channel.SMS, [ANN], reason="stop", source="callback")
        consent.add_suppressions(connection, Channel.SMS, [ANN, BOB], reason="import", source="file")
        found = registry.find_suppressions(connection, Channel.SMS, Purpose.MARKETING, [ANN, BOB, EVE])
    assert found == {ANN: "callback", BOB: "file"}


def test_a_suppressed_number_gets_no_multimedia_message_either_but_e_mail_is_separate(ledger):
    with ledger.writing() as connection:
        consent.add_suppressions(connection, Channel.SMS, [ANN], reason="stop", source="callback")
        for channel, count in ((Channel.SMS, 1), (Channel.MMS, 1), (Channel.EMAIL, 0)):
            assert len(registry.find_suppressions(connection, channel, Purpose.MARKETING, [ANN])) == count


def test_a_marketing_suppression_forbids_marketing_only(ledger):
    with ledger.writing() as connection:
        consent.add_suppressions(
            connection, Channel.SMS, [ANN], reason="x", source="y", scope=SuppressionScope.MARKETING
        )
        assert registry.find_suppressions(connection, Channel.SMS, Purpose.MARKETING, [ANN])
        assert not registry.find_suppressions(connection, Channel.SMS, Purpose.TRANSACTIONAL, [ANN])


def test_tens_of_thousands_of_addresses_are_one_query(ledger):
    many = [f"+1212{n:07d}" for n in range(50_000)]
    with ledger.writing() as connection:
        consent.add_suppressions(connection, Channel.SMS, many[::2], reason="x", source="y")
        assert len(registry.find_suppressions(connection, Channel.SMS, Purpose.MARKETING, many)) == 25_000
