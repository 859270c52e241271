"""When messages may be handed over, and each chunk with a provider of its own."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'

_PROVIDER_OF_RUN = 'SELECT provider FROM campaign_run WHERE campaign_run.id'


def upgrade() -> None:
    op.create_table(
        'sending_window',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('run_id', sa.Integer(), nullable=False),
        sa.Column('country', sa.String(2), nullable=False),
        sa.Column('zones', sa.Text(), nullable=False),
        sa.Column('not_before', sa.DateTime(timezone=True), nullable=True),
        sa.Column('not_after', sa.DateTime(timezone=True), nullable=True),
        sa.Column('held_because', sa.String(), nullable=True),
        sa.ForeignKeyConstraint(['run_id'], ['campaign_run.id']),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('run_id', 'country', 'zones', name='uq_sending_window_place'),
    )

    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.add_column(sa.Column('window_id', sa.Integer(), nullable=True))
        batch_op.create_foreign_key('fk_message_window_id', 'sending_window', ['window_id'], ['id'])

    with op.batch_alter_table('campaign_run', schema=None) as batch_op:
        batch_op.add_column(sa.Column('waits_until', sa.DateTime(timezone=True), nullable=True))

    # Until now a run had one provider.
    for table in ('chunk', 'provider_request'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column('provider', sa.String(50), nullable=True))
        op.execute(f'UPDATE {table} SET provider = ({_PROVIDER_OF_RUN} = {table}.run_id)')  # noqa: S608  # our tables
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column('provider', existing_type=sa.String(50), nullable=False)

    with op.batch_alter_table('chunk', schema=None) as batch_op:
        batch_op.add_column(sa.Column('fallbacks', sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('chunk', schema=None) as batch_op:
        batch_op.drop_column('fallbacks')
        batch_op.drop_column('provider')

    with op.batch_alter_table('provider_request', schema=None) as batch_op:
        batch_op.drop_column('provider')

    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.drop_constraint('fk_message_window_id', type_='foreignkey')
        batch_op.drop_column('window_id')

    op.drop_table('sending_window')

    with op.batch_alter_table('campaign_run', schema=None) as batch_op:
        batch_op.drop_column('waits_until')
