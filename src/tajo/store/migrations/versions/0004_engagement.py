"""Recordings read by the API, and what people did in a session beside being there."""

import sqlalchemy as sa
from alembic import op

from tajo.store.tables import Moment

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "interactions",
        sa.Column("instance", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "what", "n", name=op.f("pk_interactions")),
    )
    op.add_column("recordings", sa.Column("start", Moment(), nullable=True))
    op.add_column("recordings", sa.Column("expires_on", sa.Date(), nullable=True))
    op.add_column("occurrences", sa.Column("began", Moment(), nullable=True))
    op.add_column("occurrences", sa.Column("late_at", Moment(), nullable=True))
    for name in ("polls_answered", "questions_asked"):
        op.add_column("roster", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
