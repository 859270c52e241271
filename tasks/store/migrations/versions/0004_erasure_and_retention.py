"""People who were erased, with their opt-outs as keyed hashes; and when the addresses of a run were removed."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'


def upgrade() -> None:
    op.create_table('erasure',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('people', sa.Integer(), nullable=False),
    sa.Column('key_check', sa.String(64), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('campaign_run', schema=None) as batch_op:
        batch_op.add_column(sa.Column('addresses_removed_at', sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table('suppression', schema=None) as batch_op:
        batch_op.create_index(
            'ix_suppression_hashed',
            ['address'],
            unique=False,
            sqlite_where=sa.text("address LIKE 'hmac:%'"),
            postgresql_where=sa.text("address LIKE 'hmac:%'"),
        )


def downgrade() -> None:
    with op.batch_alter_table('suppression', schema=None) as batch_op:
        batch_op.drop_index('ix_suppression_hashed')

    with op.batch_alter_table('campaign_run', schema=None) as batch_op:
        batch_op.drop_column('addresses_removed_at')

    op.drop_table('erasure')
