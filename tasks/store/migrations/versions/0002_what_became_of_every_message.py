"""What became of every message: receipts, polls, early events, opt-ins."""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    op.create_table('sync_point',
    sa.Column('name', sa.String(100), nullable=False),
    sa.Column('read_until', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.add_column(sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('next_poll_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('unknown_word', sa.String(), nullable=True))
        batch_op.create_index('ix_message_address', ['address'], unique=False)
        batch_op.create_index('ix_message_provider_message_id', ['provider_message_id'], unique=False)
        batch_op.create_index('ix_message_status', ['run_id', 'status'], unique=False)

    # When these were claimed was not kept. What is on the wire or lost is searched for from the earliest time at which
    # it can have been sent; the rest counts from its acceptance.
    op.execute("UPDATE message SET claimed_at = status_at WHERE status NOT IN ('planned', 'sending', 'unknown')")
    op.execute(
        "UPDATE message SET claimed_at = (SELECT created_at FROM campaign_run WHERE campaign_run.id = message.run_id) "
        "WHERE status IN ('sending', 'unknown')"
    )

    with op.batch_alter_table('provider_event', schema=None) as batch_op:
        batch_op.add_column(sa.Column('next_try_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_index(batch_op.f('ix_provider_event_unprocessed'))
        batch_op.create_index('ix_provider_event_unprocessed', ['processed_at', 'next_try_at', 'id'], unique=False)
        batch_op.create_index(
            'ix_provider_event_unreadable',
            ['provider', 'received_at'],
            unique=False,
            sqlite_where=sa.text('error IS NOT NULL'),
            postgresql_where=sa.text('error IS NOT NULL'),
        )

    with op.batch_alter_table('reply', schema=None) as batch_op:
        batch_op.add_column(sa.Column('dedupe_key', sa.String(200), nullable=True))
        batch_op.create_index(batch_op.f('ix_reply_message_id'), ['message_id'], unique=False)
        batch_op.create_unique_constraint('uq_reply_dedupe_key', ['dedupe_key'])

    with op.batch_alter_table('suppression', schema=None) as batch_op:
        batch_op.add_column(sa.Column('lifted_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('lifted_source', sa.String(), nullable=True))



def downgrade() -> None:
    with op.batch_alter_table('suppression', schema=None) as batch_op:
        batch_op.drop_column('lifted_source')
        batch_op.drop_column('lifted_at')

    with op.batch_alter_table('reply', schema=None) as batch_op:
        batch_op.drop_constraint('uq_reply_dedupe_key', type_='unique')
        batch_op.drop_index(batch_op.f('ix_reply_message_id'))
        batch_op.drop_column('dedupe_key')

    with op.batch_alter_table('provider_event', schema=None) as batch_op:
        batch_op.drop_index('ix_provider_event_unreadable')
        batch_op.drop_index('ix_provider_event_unprocessed')
        batch_op.create_index(batch_op.f('ix_provider_event_unprocessed'), ['processed_at', 'id'], unique=False)
        batch_op.drop_column('next_try_at')

    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.drop_index('ix_message_status')
        batch_op.drop_index('ix_message_provider_message_id')
        batch_op.drop_index('ix_message_address')
        batch_op.drop_column('unknown_word')
        batch_op.drop_column('next_poll_at')
        batch_op.drop_column('claimed_at')

    op.drop_table('sync_point')
