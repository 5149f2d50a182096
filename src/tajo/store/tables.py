"""All tables. A change here needs a migration; a test compares the two.

What of people a column holds is its `info`: see marks.py.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tajo.store.marks import EMAIL, ID, MENTION, NAME, NOBODY, OWN, Info

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime as text of fixed width: it sorts as it reads, on every database."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:
        if value is None:
            return None
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if value is not None else None


class Length(sa.types.TypeDecorator[timedelta]):
    """A timedelta as seconds."""

    impl = sa.Float
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: sa.Dialect) -> float | None:
        return value.total_seconds() if value is not None else None

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> timedelta | None:
        return timedelta(seconds=value) if value is not None else None


def _text(name: str, info: Info | None = None, **more: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="", info=info or {}, **more)


# What Zoom said, as it was last read.

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True, info=NOBODY),
    sa.Column("id", sa.String(32), primary_key=True, info=NOBODY),
    _text("topic", MENTION),
    sa.Column("type", sa.Integer, nullable=False, server_default="0"),
    _text("host_email", MENTION),
    _text("time_zone", NOBODY),
    sa.Column("registration_required", sa.Boolean),
    sa.Column("scheduled", sa.JSON, nullable=False, info=NOBODY),
    sa.Column("staff", sa.JSON, nullable=False, info=MENTION),
    sa.Column("read_at", Moment),
)

instances = sa.Table(
    "instances",
    metadata,
    sa.Column("uuid", sa.String(64), primary_key=True, info=NOBODY),
    sa.Column("kind", sa.String(16), nullable=False, info=NOBODY),
    sa.Column("session_id", sa.String(32), nullable=False, info=NOBODY),
    sa.Column("start", Moment, nullable=False),
    sa.Column("end", Moment),
    _text("digest", NOBODY),  # of the rows at the last read; "" before the first
    sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("agree", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("read_at", Moment),
    _text("problem", MENTION),  # why the report could not be read, for people to read
    sa.Index(None, "kind", "session_id"),
)

stays = sa.Table(
    "stays",
    metadata,
    sa.Column("instance", sa.String(64), primary_key=True, info=NOBODY),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("join", Moment, nullable=False),
    sa.Column("leave", Moment, nullable=False),
    _text("name", NAME),
    _text("email", EMAIL),
    _text("registrant_id", ID),
    _text("customer_key", ID),
    _text("user_id", ID),
    sa.Column("waiting", sa.Boolean, nullable=False, server_default=sa.false()),
)

registrations = sa.Table(
    "registrations",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True, info=NOBODY),
    sa.Column("session_id", sa.String(32), primary_key=True, info=NOBODY),
    sa.Column("registrant_id", sa.String(400), primary_key=True, info=ID),  # the e-mail, for those without an id
    sa.Column("occurrence_id", sa.String(32), primary_key=True, info=NOBODY),
    sa.Column("email", sa.String(320), nullable=False, info=EMAIL),
    sa.Column("status", sa.String(16), nullable=False, info=NOBODY),
    sa.Column("registered_at", Moment),
    _text("first_name", OWN),
    _text("last_name", OWN),
    _text("source", OWN),
    _text("join_url", OWN),
    _text("phone", OWN),
    _text("org", OWN),
    _text("job_title", OWN),
    _text("country", OWN),
    sa.Column("answers", sa.JSON, nullable=False, info=OWN),
    sa.Column("told_at", Moment),
    sa.Column("detailed_at", Moment),
    sa.Column("listed_at", Moment),
    sa.Column("linked_at", Moment),
    sa.Index(None, "email"),
)

sightings = sa.Table(
    "sightings",
    metadata,
    sa.Column("instance", sa.String(64), primary_key=True, info=NOBODY),
    sa.Column("key", sa.String(64), primary_key=True, info=OWN),  # one join of one device
    sa.Column("joined", Moment),
    sa.Column("left", Moment),
    _text("name", NAME),
    _text("email", EMAIL),
    _text("registrant_id", ID),
    _text("customer_key", ID),
    _text("user_id", ID),
)

recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column("uuid", sa.String(64), primary_key=True, info=NOBODY),
    sa.Column("session_id", sa.String(32), nullable=False, info=NOBODY),
    sa.Column("kind", sa.String(16), nullable=False, info=NOBODY),
    _text("topic", MENTION),
    _text("share_url", NOBODY),
    _text("passcode", NOBODY),
    sa.Column("duration_min", sa.Integer, nullable=False, server_default="0"),
    sa.Column("transcript", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("told_at", Moment, nullable=False),
    sa.Column("start", Moment),
    sa.Column("expires_on", sa.Date),  # when Zoom deletes it
)

# What people did beside being there: how many polls they answered, how many questions they asked. Not what they said.

interactions = sa.Table(
    "interactions",
    metadata,
    sa.Column("instance", sa.String(64), primary_key=True, info=NOBODY),
    sa.Column("what", sa.String(16), primary_key=True, info=NOBODY),  # poll | question
    sa.Column("n", sa.Integer, primary_key=True),
    _text("name", NAME),
    _text("email", EMAIL),
    sa.Column("times", sa.Integer, nullable=False),
)

# What we made of it.

occurrences = sa.Table(
    "occurrences",
    metadata,
    sa.Column("key", sa.String(80), primary_key=True, info=NOBODY),
    sa.Column("kind", sa.String(16), nullable=False, info=NOBODY),
    sa.Column("session_id", sa.String(32), nullable=False, info=NOBODY),
    sa.Column("uuid", sa.String(64), nullable=False, info=NOBODY),  # of the last instance; "" while still to come
    sa.Column("instances", sa.JSON, nullable=False, info=NOBODY),  # the UUIDs of all
    _text("topic", MENTION),
    sa.Column("start", Moment, nullable=False),
    _text("time_zone", NOBODY),
    _text("host_email", MENTION),
    sa.Column("held", Length, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("readiness", sa.String(16), nullable=False, info=NOBODY),
    sa.Column("began", Moment),  # when the first instance did
    sa.Column("late_at", Moment),  # who leaves before it left early
    sa.Index(None, "kind", "session_id"),
)

roster = sa.Table(
    "roster",
    metadata,
    sa.Column("occurrence", sa.String(80), primary_key=True, info=NOBODY),
    sa.Column("email", sa.String(320), primary_key=True, info=EMAIL),
    sa.Column("role", sa.String(20), nullable=False, info=NOBODY),
    sa.Column("outcome", sa.String(16), nullable=False, info=NOBODY),
    sa.Column("approved", sa.Boolean, nullable=False),
    _text("excluded", OWN),
    _text("name", OWN),
    _text("first_name", OWN),
    _text("last_name", OWN),
    sa.Column("joined", Moment),
    sa.Column("left", Moment),
    sa.Column("present", Length, nullable=False),
    sa.Column("joins", sa.Integer, nullable=False),
    sa.Column("polls_answered", sa.Integer, nullable=False, server_default="0"),
    sa.Column("questions_asked", sa.Integer, nullable=False, server_default="0"),
    sa.Column("registered_at", Moment),
    _text("source", OWN),
    _text("join_url", OWN),
    _text("phone", OWN),
    _text("org", OWN),
    _text("job_title", OWN),
    _text("country", OWN),
    sa.Column("answers", sa.JSON, nullable=False, info=OWN),
    sa.Column("segments", sa.JSON, nullable=False, info=OWN),  # [[join, leave], …], ISO 8601
    sa.Index(None, "email"),
)

review = sa.Table(
    "review",
    metadata,
    sa.Column("occurrence", sa.String(80), primary_key=True, info=NOBODY),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("doubt", sa.String(16), nullable=False, info=NOBODY),
    _text("name", NAME),
    _text("key", NOBODY),  # the group by what its rows have in common: see core/identity.py
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("present", Length, nullable=False),
    sa.Column("segments", sa.JSON, nullable=False, info=OWN),
)

identifications = sa.Table(
    "identifications",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True, info=NOBODY),
    sa.Column("session_id", sa.String(32), primary_key=True, info=NOBODY),
    sa.Column("key", sa.String(16), primary_key=True, info=NOBODY),
    sa.Column("decision", sa.String(8), nullable=False, info=NOBODY),  # accept | reject
    sa.Column("email", sa.String(320), nullable=False, info=EMAIL),  # "" where nobody was meant
    sa.Column("decided_at", Moment, nullable=False),
    sa.Index(None, "email"),
)

# What we wrote, and what we could not.

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("email", sa.String(320), primary_key=True, info=EMAIL),
    sa.Column("attributes", sa.JSON, nullable=False, info=OWN),
    sa.Column("lists", sa.JSON, nullable=False, info=NOBODY),
    sa.Column("written_at", Moment, nullable=False),
    _text("how", NOBODY),  # "contact" or "import 78"
)

phones = sa.Table(
    "phones",
    metadata,
    sa.Column("attribute", sa.String(64), primary_key=True, info=NOBODY),
    sa.Column("number", sa.String(32), primary_key=True, info=OWN),
    sa.Column("email", sa.String(320), nullable=False, info=EMAIL),
    sa.Index(None, "email"),
)

imports = sa.Table(
    "imports",
    metadata,
    sa.Column("process_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("submitted_at", Moment, nullable=False),
    sa.Column("lists", sa.JSON, nullable=False, info=NOBODY),
    sa.Column("settled", sa.Boolean, nullable=False, server_default=sa.false()),
)

import_rows = sa.Table(
    "import_rows",
    metadata,
    sa.Column("process_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("email", sa.String(320), primary_key=True, info=EMAIL),
    sa.Column("attributes", sa.JSON, nullable=False, info=OWN),
    sa.Column("join", sa.JSON, nullable=False, info=NOBODY),
)

effects = sa.Table(
    "effects",
    metadata,
    sa.Column("key", sa.String(500), primary_key=True, info=OWN),
    sa.Column("kind", sa.String(16), nullable=False, info=NOBODY),  # event | mail | opt_in
    sa.Column("name", sa.String(80), nullable=False, info=NOBODY),  # the event's, or the rule's
    sa.Column("email", sa.String(320), nullable=False, info=EMAIL),
    sa.Column("occurrence", sa.String(80), nullable=False, info=NOBODY),
    # An event: sending | sent | ambiguous | refused | too_old. A mail: see store/mails.py.
    sa.Column("state", sa.String(12), nullable=False, info=NOBODY),
    sa.Column("at", Moment, nullable=False),  # when it reached that state; of a mail that waits: when it is due
    sa.Column("holder", sa.String(80), nullable=False, info=NOBODY),  # who was sending: a crash frees its lock
    sa.Column("body", sa.JSON, nullable=False, info=MENTION),
    sa.Column("call", sa.String(40), nullable=False, server_default="", info=NOBODY),  # the key a mail went under
    _text("why", MENTION),  # of a mail that did not go out, for people to read
    sa.Index(None, "email"),
    sa.Index(None, "state"),
    sa.Index(None, "kind", "name", "occurrence"),
)

dead_letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("subject", sa.String(400), nullable=False, info=EMAIL),  # an e-mail, an instance's UUID, a process id
    sa.Column("origin", sa.String(100), nullable=False, info=NOBODY),
    _text("reason", MENTION),
    _text("remedy", MENTION),
    sa.Column("arose_at", Moment, nullable=False),
    sa.Column("resolved_at", Moment),
    sa.Index(None, "subject"),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True, info=NOBODY),
    sa.Column("request", sa.JSON, nullable=False, info=NOBODY),
    sa.Column("state", sa.String(16), nullable=False, info=NOBODY),  # running | paused | done
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Column("summary", sa.JSON, info=MENTION),
)

run_sessions = sa.Table(
    "run_sessions",
    metadata,
    sa.Column("run", sa.String(40), primary_key=True, info=NOBODY),
    sa.Column("kind", sa.String(16), primary_key=True, info=NOBODY),
    sa.Column("id", sa.String(32), primary_key=True, info=NOBODY),
    sa.Column("found", sa.JSON, nullable=False, info=MENTION),  # what the listing said of it
    sa.Column("read_at", Moment),  # None: still to read
    sa.Column("result", sa.JSON, info=MENTION),
)

run_people = sa.Table(
    "run_people",
    metadata,
    sa.Column("run", sa.String(40), primary_key=True, info=NOBODY),
    sa.Column("email", sa.String(320), primary_key=True, info=EMAIL),
)

# What people want of us: what they agreed to, and that no mail goes to them any more.

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("email", sa.String(320), primary_key=True, info=EMAIL),
    sa.Column("reason", sa.String(40), primary_key=True, info=NOBODY),
    sa.Column("source", sa.String(16), nullable=False, info=NOBODY),  # webhook | poll
    sa.Column("at", Moment, nullable=False),
    _text("evidence", OWN),
)

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("email", sa.String(320), primary_key=True, info=EMAIL),
    # Where it was said: a session's date, or "double opt-in".
    sa.Column("subject", sa.String(80), primary_key=True, info=NOBODY),
    sa.Column("said_at", Moment, primary_key=True),
    sa.Column("question", sa.Text, nullable=False, info=NOBODY),
    sa.Column("answer", sa.Text, nullable=False, info=OWN),
    sa.Column("decision", sa.String(16), nullable=False, info=NOBODY),  # yes | no
)

# Sign-ins of users. What is secret is sealed: see store/keys.py.

signins = sa.Table(
    "signins",
    metadata,
    sa.Column("connector", sa.String(16), primary_key=True, info=NOBODY),
    sa.Column("access_token", sa.Text, nullable=False, info=NOBODY),  # sealed
    sa.Column("refresh_token", sa.Text, nullable=False, info=NOBODY),  # sealed
    sa.Column("asked_at", Moment, nullable=False),  # when the access token's life began
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False, info=NOBODY),
    sa.Column("signed_in_at", Moment, nullable=False),
    sa.Column("version", sa.String(32), nullable=False, info=NOBODY),  # another one with each pair of tokens
    _text("holder", NOBODY),  # who renews the pair now, until:
    sa.Column("held_until", Moment),
    _text("refused", NOBODY),  # why Zoom renews this sign-in no more
    _text("account_id", NOBODY),
    _text("user_id", NOBODY),
    _text("email", MENTION),
)

signin_states = sa.Table(
    "signin_states",
    metadata,
    sa.Column(
        "state", sa.String(64), primary_key=True, info=NOBODY
    ),  # its sha256: the state itself is with the browser alone
    sa.Column("connector", sa.String(16), nullable=False, info=NOBODY),
    sa.Column("verifier", sa.Text, nullable=False, info=NOBODY),  # sealed
    sa.Column("redirect_uri", sa.Text, nullable=False, info=NOBODY),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
    sa.Column("outcome", sa.JSON, info=MENTION),  # {"problem": null, or what went wrong}, once it is known
)

# Who was erased, by keyed hashes: nothing of them is stored again. See store/erasures.py.

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True, info=NOBODY),  # of an address, an id or a name
    sa.Column("person", sa.String(64), nullable=False, info=NOBODY),  # the hash of their address
    sa.Column("at", Moment, nullable=False),
    sa.Column("everywhere", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index(None, "person"),
)

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True, info=NOBODY),
    sa.Column("value", sa.Text, nullable=False, info=NOBODY),  # sealed
)

# What everybody shares: rate limits, and small facts.

budgets = sa.Table(
    "budgets",
    metadata,
    sa.Column("bucket", sa.String(40), primary_key=True, info=NOBODY),
    sa.Column("next_us", sa.BigInteger, nullable=False),  # Unix microseconds: when the next call may go out
)

budget_counts = sa.Table(
    "budget_counts",
    metadata,
    sa.Column("bucket", sa.String(40), primary_key=True, info=NOBODY),
    sa.Column("grain", Moment, primary_key=True),
    sa.Column("calls", sa.Integer, nullable=False),
)

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("worker", sa.String(80), primary_key=True, info=NOBODY),
    sa.Column("at", Moment, nullable=False),
)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True, info=NOBODY),
    sa.Column("value", sa.JSON, nullable=False, info=MENTION),
)
