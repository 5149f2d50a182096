"""Mails of follow-up rules."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("effects", sa.Column("call", sa.String(length=40), nullable=False, server_default=""))
    op.add_column("effects", sa.Column("why", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_effects_kind_name_occurrence", "effects", ["kind", "name", "occurrence"])
