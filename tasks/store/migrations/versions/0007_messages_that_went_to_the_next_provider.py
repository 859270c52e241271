"""Messages that went to the next provider, because the one they were for was out of order."""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'


def upgrade() -> None:
    op.create_table(
        'rerouting',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('run_id', sa.Integer(), nullable=False),
        sa.Column('from_provider', sa.String(50), nullable=False),
        sa.Column('to_provider', sa.String(50), nullable=False),
        sa.Column('messages', sa.Integer(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['run_id'], ['campaign_run.id']),
        sa.PrimaryKeyConstraint('id'),
    )
    op.create_index(op.f('ix_rerouting_run_id'), 'rerouting', ['run_id'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_rerouting_run_id'), table_name='rerouting')
    op.drop_table('rerouting')
