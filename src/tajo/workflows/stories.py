"""One person's story: what `tajo why` tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from tajo.core import engagement
from tajo.core.consent import Allowed, Policy
from tajo.core.contact import Entry, fold, is_withdrawn
from tajo.core.engagement import Score
from tajo.core.fields import Terms
from tajo.store import consents, effects, ledger, letters, mails, opt_ins, rosters, suppressions
from tajo.workflows.consenting import permissions
from tajo.workflows.scoring import scores_of


def story(connection: sa.Connection, email: str, terms: Terms, rules: Policy | None = None) -> dict[str, Any] | None:
    """Everything known about an e-mail, as JSON; None for somebody nobody has heard of.

    Per session: registered when and from where, stays, minutes, outcome, and the score with its reasons. Then what was
    written to Brevo and when, or why not, the events and mails about them; and what they want of us, by `rules` of
    consent.
    """
    lines = rosters.lines_of(connection, email)
    written = ledger.written(connection, email)
    open_letters = letters.open_letters(connection, email)
    suppressed = suppressions.of_person(connection, email)
    if not lines and written is None and not open_letters and not suppressed:
        return None
    scored = scores_of(email, [line.entry for line in lines], terms.weights)
    scores = {entry.occurrence: score for entry, score in scored if engagement.attended(entry)}
    allowed = permissions(connection, rules, [email]).of(email)
    return {
        "email": email,
        "sessions": [_session(line) | _engagement(line.entry, scores.get(line.entry.occurrence)) for line in lines],
        "written": _written(written),
        "why_not": _why_not(email, lines, written, allowed),
        "events": effects.of_person(connection, email),
        "mails": mails.of_person(connection, email),
        "consent": _consent(connection, email, rules, allowed),
        "suppressed": [
            {
                "reason": each.reason.value,
                "source": each.source.value,
                "at": each.at.isoformat(),
                "evidence": each.evidence,
            }
            for each in suppressed
        ],
        "dead_letters": [{"reason": each.reason, "remedy": each.remedy} for each in open_letters],
    }


def _consent(connection: sa.Connection, email: str, rules: Policy | None, allowed: Allowed) -> dict[str, Any] | None:
    """What was answered, when and where, and what it allows; None where consent is not asked for."""
    if rules is None:
        return None
    said = [
        {"question": each.said.question, "answer": each.said.answer, "at": each.said.said_at.isoformat()}
        | {"subject": each.said.subject, "decision": each.decision.value}
        for each in consents.of_person(connection, email)
    ]
    asked = effects.known(connection, [opt_ins.key(email)]).get(opt_ins.key(email))
    return {"lists": allowed.lists, "mails": allowed.mails, "why": allowed.why, "answers": said, "double_opt_in": asked}


def _session(line: rosters.Line) -> dict[str, Any]:
    entry = line.entry
    return {
        "occurrence": entry.occurrence,
        "kind": entry.kind.value,
        "topic": entry.topic,
        "start": entry.start.isoformat(),
        "readiness": entry.readiness.value,
        "outcome": entry.outcome.value,
        "role": line.role,
        "excluded": entry.excluded,
        "registered_at": entry.registered_at.isoformat() if entry.registered_at else None,
        "source": entry.source,
        "stays": [[each.join.isoformat(), each.leave.isoformat()] for each in line.segments],
        "present_s": round(entry.present.total_seconds()),
        "held_s": round(entry.held.total_seconds()),
        "joins": entry.joins,
    }


def _engagement(entry: Entry, score: Score | None) -> dict[str, Any]:
    """What somebody did beside being there, and what that makes; no score for who was not there or is left out."""
    delay = engagement.join_delay(entry)
    return {
        "join_delay_s": round(delay.total_seconds()) if delay is not None else None,
        "left_early": engagement.left_early(entry),
        "polls_answered": entry.polls_answered,
        "questions_asked": entry.questions_asked,
        "score": None
        if score is None
        else {
            "value": score.value,
            "version": score.version,
            "reasons": [[each.word, each.points, each.most] for each in score.reasons],
        },
    }


def _written(written: ledger.Written | None) -> dict[str, Any] | None:
    if written is None:
        return None
    attributes: Mapping[str, Any] = written.delivered.attributes
    return {
        "at": written.at.isoformat(),
        "how": written.how,
        "attributes": dict(attributes),
        "lists": sorted(written.delivered.lists),
    }


def _why_not(email: str, lines: list[rosters.Line], written: ledger.Written | None, allowed: Allowed) -> str:
    """Why nothing was written about somebody who is on a roster; "" where something was."""
    if written is not None:
        return ""
    if not lines:
        return "on no roster"
    entries = [line.entry for line in lines]
    if entries and all(entry.excluded for entry in entries):
        return f"left out everywhere: {', '.join(sorted({entry.excluded for entry in entries}))}"
    if not allowed.contact:
        return allowed.why
    contact = fold(email, entries)
    if is_withdrawn(contact):
        outcome = contact.carried.outcome.value if contact.carried else "registered"
        if outcome == "registered" or contact.carried is None:
            return "the session has not settled yet"
        return f"{outcome} everywhere: nothing is written for the first time about that"
    return "not written yet: the next sync does"
