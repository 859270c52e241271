"""Several workers for one run, each chunk with a lease of its own; pausing and cancelling a run."""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'


def upgrade() -> None:
    with op.batch_alter_table('campaign_run', schema=None) as batch_op:
        batch_op.add_column(sa.Column('control', sa.String(32), nullable=True))
        batch_op.add_column(sa.Column('control_by', sa.String(200), nullable=True))
        batch_op.add_column(sa.Column('control_at', sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table('chunk', schema=None) as batch_op:
        batch_op.add_column(sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True))

    # Until now one process sent a whole run, and its lease was that of all its chunks.
    op.execute(
        "UPDATE chunk SET lease_until = (SELECT lease_until FROM campaign_run WHERE campaign_run.id = chunk.run_id) "
        "WHERE state = 'claimed'"
    )


def downgrade() -> None:
    with op.batch_alter_table('chunk', schema=None) as batch_op:
        batch_op.drop_column('lease_until')

    with op.batch_alter_table('campaign_run', schema=None) as batch_op:
        batch_op.drop_column('control_at')
        batch_op.drop_column('control_by')
        batch_op.drop_column('control')
