"""Decisions about who rows belong to, and who was erased."""

import sqlalchemy as sa
from alembic import op

from tajo.store.tables import Moment

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "identifications",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("decided_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "session_id", "key", name=op.f("pk_identifications")),
    )
    op.create_index(op.f("ix_identifications_email"), "identifications", ["email"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("everywhere", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_erasures")),
    )
    op.create_index(op.f("ix_erasures_person"), "erasures", ["person"], unique=False)
    op.add_column("review", sa.Column("key", sa.Text(), server_default="", nullable=False))
