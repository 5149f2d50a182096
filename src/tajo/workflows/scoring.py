"""Scores over history: what of it changes with other weights, brought to Brevo on purpose; and sessions' funnels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tajo.core import engagement
from tajo.core.contact import Entry, fold
from tajo.core.engagement import FORMULA, Score, Weights
from tajo.core.facts import Interaction, Respondent
from tajo.core.outcome import Readiness
from tajo.store import facts, notes, recordings, rosters
from tajo.store.rosters import Held
from tajo.workflows import delivering, reading, writing
from tajo.workflows.planning import list_ids, prepare
from tajo.workflows.services import Services

Json = Any

PUBLISHED = "engagement.published"  # the note that keeps what all of history was last scored with
OVER = (Readiness.FINAL, Readiness.OVERDUE)
PEOPLE = 2_000  # whose history is in memory at a time


def scores_of(email: str, entries: Iterable[Entry], weights: Weights) -> list[tuple[Entry, Score]]:
    """One person's score in every session that counts, oldest first."""
    counted = fold(email, entries).entries
    return [(entry, engagement.score(entry, engagement.attended_before(entry, counted), weights)) for entry in counted]


# --- which weights history has


def published(connection: sa.Connection) -> tuple[str, Weights | None] | None:
    """The version that all of history was last brought to, with its weights; None before there was any.

    Without weights where another formula made it, which nobody can follow any more.
    """
    known = notes.get(connection, PUBLISHED)
    if known is None:
        return None
    return known["version"], Weights(**known["weights"]) if known["formula"] == FORMULA else None


def publish(connection: sa.Connection, weights: Weights) -> None:
    notes.put(connection, PUBLISHED, {"version": weights.version, "formula": FORMULA, "weights": asdict(weights)})


def publish_first(connection: sa.Connection, weights: Weights) -> None:
    """Note down what the first run ever scored with; later ones score what they read, and not all of history."""
    if notes.get(connection, PUBLISHED) is None:
        publish(connection, weights)


# --- recomputing


@dataclass
class Difference:
    """Scores under two sets of weights. `largest` is the most that one of them moves."""

    scores: int = 0
    changed: int = 0
    largest: int = 0
    people: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)

    def json(self) -> Json:
        numbers = {"scores": self.scores, "changed": self.changed, "largest": self.largest}
        return numbers | {"people": len(self.people), "sessions": len(self.sessions)}


def difference(
    connection: sa.Connection, emails: Sequence[str], keys: Collection[str], before: Weights, after: Weights
) -> Difference:
    """What other weights change about these people in these sessions."""
    found = Difference()
    for start in range(0, len(emails), PEOPLE):
        for email, entries in rosters.entries_of(connection, emails[start : start + PEOPLE]).items():
            pairs = zip(scores_of(email, entries, before), scores_of(email, entries, after), strict=True)
            for (entry, old), (_, new) in pairs:
                if entry.occurrence in keys and engagement.attended(entry):
                    _compare(found, email, entry, new.value - old.value)
    return found


def _compare(found: Difference, email: str, entry: Entry, moved: int) -> None:
    found.scores += 1
    if moved:
        found.changed += 1
        found.largest = max(found.largest, abs(moved))
        found.people.add(email)
        found.sessions.add(entry.occurrence)


async def recompute(services: Services, *, since: datetime | None, dry_run: bool) -> Json:
    """Score history as the configuration says, and bring Brevo to it; what changes from which version to which.

    Rosters are built anew from what Zoom once said, and nobody is asked again. Doing it twice changes nothing; one that
    was killed is done by doing it again. A dry run works on a copy of the database, and writes nothing.
    """
    weights = services.terms.weights
    over = [each for each in await _settled(services) if since is None or each.start >= since]
    emails: set[str] = set()
    for kind, session_id in sorted({(each.kind, each.session_id) for each in over}):
        emails |= await reading.rebuilt(services, kind, session_id)
    keys = {each.key for each in over}
    emails |= await services.database.read(rosters.emails_on, keys)
    known = await services.database.read(published)
    before = known[1] if known is not None else weights
    changes = None
    if before is not None:
        told = await services.database.read(difference, sorted(emails), keys, before, weights)
        changes = told.json()
    contacts = await _preview(services, emails) if dry_run else await _written(services, emails)
    if not dry_run and since is None:
        await services.database.write(publish, weights)
    return {
        "from": known[0] if known is not None else None,
        "to": weights.version,
        "sessions": len(keys),
        "changes": changes,
        "contacts": contacts,
        "is_mapped": any(each.name == "score" for each, _ in services.mapping),
        "dry_run": dry_run,
    }


async def _settled(services: Services) -> list[Held]:
    """Occurrences that are over, of sessions of which none is settling: those are for who waits for their report."""
    held = await services.database.read(rosters.held)
    settling = {(each.kind, each.session_id) for each in held if each.readiness is Readiness.SETTLING}
    return [each for each in held if each.readiness in OVER and (each.kind, each.session_id) not in settling]


async def _preview(services: Services, emails: set[str]) -> Json:
    """How many contacts would be written."""
    known = await writing.read_schema(services)
    prepared = await services.database.read(prepare, emails, services, known, list_ids(services, known))
    operations = len(prepared.plan.operations)
    return {"to_write": operations, "unchanged": len(emails) - operations - len(prepared.refused)}


async def _written(services: Services, emails: set[str]) -> Json:
    report = (await delivering.deliver_people(services, emails)).json()
    return {name: report[name] for name in ("created", "changed", "unchanged", "refused")}


# --- funnels


def funnel(connection: sa.Connection, held: Held, weights: Weights) -> Json:
    """One occurrence as JSON: its funnel, its medians, what belongs to nobody, and its recording."""
    entries = rosters.entries_on(connection, held.key)
    people = rosters.entries_of(connection, rosters.emails_on(connection, [held.key]))
    scores = [
        score.value
        for email, mine in people.items()
        for entry, score in scores_of(email, mine, weights)
        if entry.occurrence == held.key and engagement.attended(entry)
    ]
    told = engagement.funnel(entries, scores)
    done = facts.load_respondents(connection, held.instances)
    recorded = recordings.of_occurrence(connection, held.instances)
    return {
        "occurrence": held.key,
        "kind": held.kind.value,
        "topic": held.topic,
        "start": held.start.isoformat(),
        "readiness": held.readiness.value,
        "held_minutes": round(held.held.total_seconds() / 60, 1),
        "registered": told.registered,
        "attended": told.attended,
        "without_registration": told.walk_ins,
        "half": told.half,
        "to_the_end": told.to_the_end,
        "median_minutes": told.minutes,
        "median_join_delay_minutes": told.delay,
        "median_score": told.scores,
        "polls_answered": told.polls_answered,
        "questions_asked": told.questions_asked,
        "polls_of_nobody": _total(done, Interaction.POLL) - sum(each.polls_answered for each in entries),
        "questions_of_nobody": _total(done, Interaction.QUESTION) - sum(each.questions_asked for each in entries),
        "recording": None
        if recorded is None
        else {
            "share_url": recorded.share_url,
            "minutes": recorded.duration_min,
            "transcript": recorded.transcript,
            "expires_on": recorded.expires_on.isoformat() if recorded.expires_on else None,
        },
        "version": weights.version,
    }


def _total(done: Iterable[Respondent], what: Interaction) -> int:
    return sum(each.times for each in done if each.what is what)
