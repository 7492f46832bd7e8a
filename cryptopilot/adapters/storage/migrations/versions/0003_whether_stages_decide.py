"""Whether a session's stages were last started or stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("market_sessions", sa.Column("deciding", sa.Boolean()))


def downgrade() -> None:
    op.drop_column("market_sessions", "deciding")
