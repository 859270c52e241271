"""Indexes that cost less when messages and contacts are inserted, and find the same."""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'

_SPARSE = (
    ('message', 'ix_message_provider_message_id', 'provider_message_id'),
    ('message', 'ix_message_request_id', 'request_id'),
    ('contact', 'ix_contact_external_code', 'external_code'),
    ('contact', 'ix_contact_phone', 'phone'),
    ('contact', 'ix_contact_email', 'email'),
)


def upgrade() -> None:
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.drop_index('ix_message_address')
        batch_op.drop_constraint('uq_message_run_address', type_='unique')
        batch_op.create_unique_constraint('uq_message_address_run', ['address', 'run_id'])

    for table, name, column in _SPARSE:
        op.drop_index(name, table_name=table)
        filled = sa.text(f'{column} IS NOT NULL')
        op.create_index(name, table, [column], unique=False, sqlite_where=filled, postgresql_where=filled)


def downgrade() -> None:
    for table, name, column in _SPARSE:
        op.drop_index(name, table_name=table)
        op.create_index(name, table, [column], unique=False)

    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.drop_constraint('uq_message_address_run', type_='unique')
        batch_op.create_unique_constraint('uq_message_run_address', ['run_id', 'address'])
        batch_op.create_index('ix_message_address', ['address'], unique=False)
