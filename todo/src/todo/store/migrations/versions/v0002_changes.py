"""What an item has besides its text, and the table of changes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns, which are empty for every item that is there, and make the table.

    All of it is written out here, so that this migration never changes.
    """
    kind = op.get_bind().dialect.name
    collation = "C" if kind == "postgresql" else None
    moment = sa.DateTime(timezone=True) if kind == "postgresql" else sa.String(32)
    empty: dict[str, Any] = {"nullable": False, "server_default": sa.text("''")}
    for column in (
        sa.Column("done", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("due", sa.String(32, collation=collation)),
        sa.Column("tags", sa.Text, **empty),
        sa.Column("notes", sa.Text, **empty),
        sa.Column("position", sa.String(1000, collation=collation), **empty),
        sa.Column("date_saved", moment),
        sa.Column("version", sa.String(64, collation=collation), **empty),
    ):
        op.add_column("todos", column)
    op.create_table(
        "changes",
        sa.Column("item_id", sa.String(64, collation=collation), nullable=False),
        sa.Column("change", sa.String(64, collation=collation), nullable=False),
        sa.Column("kind", sa.String(16, collation=collation), nullable=False),
        sa.Column("value", sa.Text(collation=collation), nullable=False),
        sa.Column("seen", sa.String(64, collation=collation), nullable=False),
        sa.Column("date_saved", moment, nullable=False),
        sa.PrimaryKeyConstraint("item_id", "change", "kind", name="changes_pkey"),
    )
    for statement in (
        "CREATE INDEX todos_active ON todos (id) WHERE done IS NOT TRUE",
        "CREATE INDEX todos_done ON todos (id) WHERE done IS TRUE",
        "CREATE INDEX todos_moved ON todos (position, id) WHERE position <> ''",
        "CREATE INDEX todos_due ON todos (due, id) WHERE due IS NOT NULL",
        "CREATE INDEX todos_tags ON todos (tags, done) WHERE tags <> ''",
        "CREATE INDEX changes_saved ON changes (date_saved)",
    ):
        op.execute(sa.text(statement))
