"""The first schema."""

import sqlalchemy as sa
from alembic import op

from tajo.store.tables import Length, Moment

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "budget_counts",
        sa.Column("bucket", sa.String(length=40), nullable=False),
        sa.Column("grain", Moment(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", "grain", name=op.f("pk_budget_counts")),
    )
    op.create_table(
        "budgets",
        sa.Column("bucket", sa.String(length=40), nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_budgets")),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("origin", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("remedy", sa.Text(), server_default="", nullable=False),
        sa.Column("arose_at", Moment(), nullable=False),
        sa.Column("resolved_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index(op.f("ix_dead_letters_subject"), "dead_letters", ["subject"], unique=False)
    op.create_table(
        "effects",
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("occurrence", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_effects")),
    )
    op.create_index(op.f("ix_effects_email"), "effects", ["email"], unique=False)
    op.create_index(op.f("ix_effects_state"), "effects", ["state"], unique=False)
    op.create_table(
        "heartbeats",
        sa.Column("worker", sa.String(length=80), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "import_rows",
        sa.Column("process_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("join", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("process_id", "email", name=op.f("pk_import_rows")),
    )
    op.create_table(
        "imports",
        sa.Column("process_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("submitted_at", Moment(), nullable=False),
        sa.Column("lists", sa.JSON(), nullable=False),
        sa.Column("settled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("process_id", name=op.f("pk_imports")),
    )
    op.create_table(
        "instances",
        sa.Column("uuid", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("start", Moment(), nullable=False),
        sa.Column("end", Moment(), nullable=True),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.Column("complete", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("agree", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("read_at", Moment(), nullable=True),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_instances")),
    )
    op.create_index(op.f("ix_instances_kind_session_id"), "instances", ["kind", "session_id"], unique=False)
    op.create_table(
        "ledger",
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("lists", sa.JSON(), nullable=False),
        sa.Column("written_at", Moment(), nullable=False),
        sa.Column("how", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("email", name=op.f("pk_ledger")),
    )
    op.create_table(
        "notes",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_notes")),
    )
    op.create_table(
        "occurrences",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("uuid", sa.String(length=64), nullable=False),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("topic", sa.Text(), server_default="", nullable=False),
        sa.Column("start", Moment(), nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="", nullable=False),
        sa.Column("host_email", sa.Text(), server_default="", nullable=False),
        sa.Column("held", Length(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("readiness", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_occurrences")),
    )
    op.create_index(op.f("ix_occurrences_kind_session_id"), "occurrences", ["kind", "session_id"], unique=False)
    op.create_table(
        "phones",
        sa.Column("attribute", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("attribute", "number", name=op.f("pk_phones")),
    )
    op.create_index(op.f("ix_phones_email"), "phones", ["email"], unique=False)
    op.create_table(
        "recordings",
        sa.Column("uuid", sa.String(length=64), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("topic", sa.Text(), server_default="", nullable=False),
        sa.Column("share_url", sa.Text(), server_default="", nullable=False),
        sa.Column("passcode", sa.Text(), server_default="", nullable=False),
        sa.Column("duration_min", sa.Integer(), server_default="0", nullable=False),
        sa.Column("transcript", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("told_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_recordings")),
    )
    op.create_table(
        "registrations",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("session_id", sa.String(length=32), nullable=False),
        sa.Column("registrant_id", sa.String(length=400), nullable=False),
        sa.Column("occurrence_id", sa.String(length=32), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("registered_at", Moment(), nullable=True),
        sa.Column("first_name", sa.Text(), server_default="", nullable=False),
        sa.Column("last_name", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("join_url", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("org", sa.Text(), server_default="", nullable=False),
        sa.Column("job_title", sa.Text(), server_default="", nullable=False),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("told_at", Moment(), nullable=True),
        sa.Column("detailed_at", Moment(), nullable=True),
        sa.Column("listed_at", Moment(), nullable=True),
        sa.Column("linked_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "session_id", "registrant_id", "occurrence_id", name=op.f("pk_registrations")),
    )
    op.create_index(op.f("ix_registrations_email"), "registrations", ["email"], unique=False)
    op.create_table(
        "review",
        sa.Column("occurrence", sa.String(length=80), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("doubt", sa.String(length=16), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("present", Length(), nullable=False),
        sa.Column("segments", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("occurrence", "n", name=op.f("pk_review")),
    )
    op.create_table(
        "roster",
        sa.Column("occurrence", sa.String(length=80), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("excluded", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("first_name", sa.Text(), server_default="", nullable=False),
        sa.Column("last_name", sa.Text(), server_default="", nullable=False),
        sa.Column("joined", Moment(), nullable=True),
        sa.Column("left", Moment(), nullable=True),
        sa.Column("present", Length(), nullable=False),
        sa.Column("joins", sa.Integer(), nullable=False),
        sa.Column("registered_at", Moment(), nullable=True),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        sa.Column("join_url", sa.Text(), server_default="", nullable=False),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("org", sa.Text(), server_default="", nullable=False),
        sa.Column("job_title", sa.Text(), server_default="", nullable=False),
        sa.Column("country", sa.Text(), server_default="", nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("segments", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("occurrence", "email", name=op.f("pk_roster")),
    )
    op.create_index(op.f("ix_roster_email"), "roster", ["email"], unique=False)
    op.create_table(
        "run_people",
        sa.Column("run", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.PrimaryKeyConstraint("run", "email", name=op.f("pk_run_people")),
    )
    op.create_table(
        "run_sessions",
        sa.Column("run", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("found", sa.JSON(), nullable=False),
        sa.Column("read_at", Moment(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("run", "kind", "id", name=op.f("pk_run_sessions")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="1", nullable=False),
        sa.Column("summary", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_table(
        "sessions",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("topic", sa.Text(), server_default="", nullable=False),
        sa.Column("type", sa.Integer(), server_default="0", nullable=False),
        sa.Column("host_email", sa.Text(), server_default="", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="", nullable=False),
        sa.Column("registration_required", sa.Boolean(), nullable=True),
        sa.Column("scheduled", sa.JSON(), nullable=False),
        sa.Column("staff", sa.JSON(), nullable=False),
        sa.Column("read_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("pk_sessions")),
    )
    op.create_table(
        "sightings",
        sa.Column("instance", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("joined", Moment(), nullable=True),
        sa.Column("left", Moment(), nullable=True),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("registrant_id", sa.Text(), server_default="", nullable=False),
        sa.Column("customer_key", sa.Text(), server_default="", nullable=False),
        sa.Column("user_id", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("instance", "key", name=op.f("pk_sightings")),
    )
    op.create_table(
        "signin_states",
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("connector", sa.String(length=16), nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("state", name=op.f("pk_signin_states")),
    )
    op.create_table(
        "signins",
        sa.Column("connector", sa.String(length=16), nullable=False),
        sa.Column("access_token", sa.Text(), nullable=False),
        sa.Column("refresh_token", sa.Text(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("signed_in_at", Moment(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.Text(), server_default="", nullable=False),
        sa.Column("held_until", Moment(), nullable=True),
        sa.Column("refused", sa.Text(), server_default="", nullable=False),
        sa.Column("account_id", sa.Text(), server_default="", nullable=False),
        sa.Column("user_id", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("connector", name=op.f("pk_signins")),
    )
    op.create_table(
        "stays",
        sa.Column("instance", sa.String(length=64), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("join", Moment(), nullable=False),
        sa.Column("leave", Moment(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("registrant_id", sa.Text(), server_default="", nullable=False),
        sa.Column("customer_key", sa.Text(), server_default="", nullable=False),
        sa.Column("user_id", sa.Text(), server_default="", nullable=False),
        sa.Column("waiting", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "n", name=op.f("pk_stays")),
    )
