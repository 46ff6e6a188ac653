"""The table of items."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table. Its types are written out here, so that this migration never changes."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "todos",
        sa.Column("id", sa.String(64, collation="C" if on_postgresql else None), primary_key=True),
        sa.Column("item", sa.String(256), nullable=False),
        sa.Column(
            "date_added",
            sa.DateTime(timezone=True) if on_postgresql else sa.String(32),
            nullable=False,
        ),
    )
