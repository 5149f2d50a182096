"""Answers in registrations, and the evidence that stays; on real databases of both kinds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tajo.core.consent import CLICK, Decision, Said
from tajo.core.facts import Kind, Registration, Status
from tajo.store import consents, effects, facts, opt_ins
from tajo.store.consents import Evidence
from tajo.store.database import Database
from tajo.store.effects import Effect

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
KIM = "kim@mail.example"


def test_answers_are_found_in_registrations_of_every_status(database: Database) -> None:
    """With the date they were given for, and when; of a time that nobody told, the first that anything was."""
    first = Registration("1", KIM, Status.CANCELLED, NOW, answers=(("News?", "Yes"), ("Job?", "")))
    second = Registration("2", KIM, Status.DENIED, None, "77", answers=(("News?", "No"),), told_at=NOW)
    database.write_now(facts.save_registrations, Kind.WEBINAR, "9", [first, second])
    found = database.read_now(consents.registered, [KIM, "lee@mail.example"])
    assert sorted(found.pop(KIM), key=lambda said: said.subject) == [
        Said("webinar:9", NOW, "News?", "Yes"),
        Said("webinar:9:77", NOW, "News?", "No"),
    ]
    assert found == {}


def test_evidence_stays_and_a_correction_replaces(database: Database) -> None:
    said = Said("webinar:9", NOW, "News?", "No")
    better = Said("webinar:9", NOW, "News?", "Yes")
    later = Said("webinar:8", NOW + timedelta(days=1), "News?", "No")
    for each, decision in ((said, Decision.NO), (better, Decision.YES), (later, Decision.NO)):
        database.write_now(consents.keep, [Evidence(KIM, each, decision), Evidence(KIM, each, decision)])
    assert set(database.read_now(consents.kept, [KIM])[KIM]) == {better, later}
    assert [each.decision for each in database.read_now(consents.of_person, KIM)] == [Decision.YES, Decision.NO]


def ask(database: Database, email: str, state: str, lists: list[int]) -> None:
    effect = Effect(opt_ins.key(email), opt_ins.KIND, "double_opt_in", email, "9", {"lists": lists})
    database.write_now(lambda c: effects.begin(c, [effect], holder="serve", now=NOW))
    database.write_now(effects.finish, [effect.key], state, NOW)


def test_who_was_asked_waits_until_they_confirm(database: Database) -> None:
    """Also who may have been asked; not who was refused."""
    for email, state in (("a@x.kr", effects.SENT), ("b@x.kr", effects.AMBIGUOUS), ("c@x.kr", effects.REFUSED)):
        ask(database, email, state, [16, 17])
    waiting = database.read_now(opt_ins.waiting, NOW)
    assert {(each.email, each.lists) for each in waiting} == {
        ("a@x.kr", frozenset({16, 17})),
        ("b@x.kr", frozenset({16, 17})),
    }
    database.write_now(opt_ins.confirm, ["a@x.kr"], NOW)
    assert [each.email for each in database.read_now(opt_ins.waiting, NOW)] == ["b@x.kr"]
    assert database.read_now(opt_ins.waiting, NOW, ["a@x.kr", "c@x.kr"]) == []
    assert database.read_now(opt_ins.waiting, NOW + timedelta(seconds=1)) == []
    (kept,) = database.read_now(consents.of_person, "a@x.kr")
    assert (kept.said.subject, kept.decision) == (CLICK, Decision.YES)
