"""What goes when the Zoom app is removed from its account: everything that Zoom told, and what was made of it.

What was written to Brevo stays on record (ledger, phones, imports, effects): without it somebody who is written to
again would get events and mails a second time. So do the hashes of people who were erased.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from tajo.store import signins
from tajo.store.runs import DONE
from tajo.store.tables import (
    dead_letters,
    identifications,
    instances,
    interactions,
    occurrences,
    recordings,
    registrations,
    review,
    roster,
    run_people,
    run_sessions,
    runs,
    sessions,
    sightings,
    stays,
)

TOLD = (sessions, instances, stays, registrations, sightings, recordings, interactions)
MADE_OF_IT = (occurrences, roster, review, identifications, run_sessions, run_people)


def forget_everything_told(connection: sa.Connection, now: datetime) -> None:
    """Delete the tokens, the facts and the rosters; runs stay as bare lines, and unfinished ones are over."""
    signins.forget(connection)
    for table in (*TOLD, *MADE_OF_IT):
        connection.execute(sa.delete(table))
    connection.execute(sa.update(runs).where(runs.c.ended_at.is_(None)).values(ended_at=now))
    connection.execute(sa.update(runs).values(state=DONE, summary=sa.null()))
    connection.execute(sa.delete(dead_letters).where(dead_letters.c.origin.like("zoom.%")))
