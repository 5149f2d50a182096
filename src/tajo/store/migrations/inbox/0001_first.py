"""The first schema of the inbox."""

import sqlalchemy as sa
from alembic import op

from tajo.store.tables import Moment

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("handled_at", Moment(), nullable=True),
        sa.Column("replayed_at", Moment(), nullable=True),
        sa.Column("event", sa.String(length=80), server_default="", nullable=False),
        sa.Column("meaning", sa.String(length=64), server_default="", nullable=False),
        sa.Column("uuid", sa.String(length=64), server_default="", nullable=False),
        sa.Column("participant_uuid", sa.String(length=64), server_default="", nullable=False),
        sa.Column("registrant_id", sa.String(length=64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
    )
    op.create_index(op.f("ix_inbox_digest"), "inbox", ["digest"], unique=True)
    op.create_index(op.f("ix_inbox_meaning"), "inbox", ["meaning"], unique=False)
    op.create_index(op.f("ix_inbox_state_id"), "inbox", ["state", "id"], unique=False)
    op.create_index(op.f("ix_inbox_uuid"), "inbox", ["uuid"], unique=False)
    op.create_index(
        op.f("ix_inbox_received_at"),
        "inbox",
        ["received_at"],
        unique=False,
        sqlite_where=sa.text("body IS NOT NULL"),
        postgresql_where=sa.text("body IS NOT NULL"),
    )
