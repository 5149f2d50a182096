"""`tajo engagement`: how far people came, and history scored anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tajo.simulators.world import Stage

MAPPING = {"attendance_status": "ATTENDANCE_STATUS", "score": "SCORE", "left_early": "LEFT_EARLY"}
ATTRIBUTES = {"ATTENDANCE_STATUS": "text", "SCORE": "float", "LEFT_EARLY": "boolean"}
ALL_BY_PRESENCE = {"weights": {"presence": 100, "to_the_end": 0, "polls": 0, "questions": 0, "repeat": 0}}
KIM, LEE, CHOI = "kim@mail.example", "lee@mail.example", "choi@mail.example"


@pytest.fixture
def synced(desk: Callable[..., Any]) -> Any:
    """Two webinars of an hour. Kim was at both, Lee for 20 minutes of the last, Choi at none; a guest walked in.

    Kim answered one of its polls and asked a question, somebody without address another one.
    """
    now = datetime.now(UTC)
    stage = Stage(3, now)
    kim, lee, choi = (stage.names.person(email=each, zoom_id="", phone="") for each in (KIM, LEE, CHOI))
    before = stage.webinar("Before", start=now - timedelta(days=20))
    before.register(kim)
    before.hold().come(kim, 0, 60)
    last = stage.webinar("봄 웨비나", start=now - timedelta(days=2))
    for person in (kim, lee, choi):
        last.register(person)
    held = last.hold()
    held.come(kim, 6, 60)
    held.come(lee, 10, 30)
    held.come(stage.names.person(email="guest@mail.example", zoom_id=""), 0, 60)
    held.ask(kim, "How?", "Well", minute=20)
    held.ask(kim, "When?", "live answered", minute=30, poll=False)
    held.ask(None, "Where?", "", minute=31, poll=False)
    held.record(kept_days=30)
    here = desk(stage.world(), attributes=ATTRIBUTES)
    here.number = str(last.session.id)
    here.uuid = held.uuid
    here.configure(field_mapping=MAPPING)
    ran = here.tajo("sync", "zoom")
    assert ran.code == 0, ran.err
    return here


def score(here: Any, email: str) -> Any:
    return here.brevo.contacts[email].attributes.get("SCORE")


# --- why


def test_the_score_stands_with_its_reasons(synced: Any) -> None:
    ran = synced.tajo("why", KIM)
    reasons = "presence 45 of 50, to the end 10 of 10, polls 8 of 15, questions 10 of 10, came before 5 of 15"
    assert f"score 78: {reasons} (version 1-" in ran.out
    assert "1 join, 1 poll answered, 1 question asked" in ran.out
    assert score(synced, KIM) == 78
    assert "SCORE=78" in ran.out
    told = synced.tajo("why", KIM, "--json").json["sessions"][-1]
    assert told["score"]["value"] == sum(points for _, points, _ in told["score"]["reasons"]) == 78
    assert (told["join_delay_s"], told["left_early"]) == (360, False)


def test_who_left_early_is_told_so_and_who_did_not_come_has_no_score(synced: Any) -> None:
    assert ", left early" in synced.tajo("why", LEE).out
    assert synced.brevo.contacts[LEE].attributes["LEFT_EARLY"] is True
    absent = synced.tajo("why", CHOI, "--json").json["sessions"][-1]
    assert (absent["score"], absent["left_early"]) == (None, None)
    assert score(synced, CHOI) == 0


# --- session


def test_a_session_shows_how_far_people_came(synced: Any) -> None:
    ran = synced.tajo("engagement", "session", synced.number)
    assert ran.code == 0, ran.err
    for line in (
        "registered        3",
        "attended          3   1 of them without registration",
        "half of it        2   67 % of the attended",
        "to the end        2   67 % of the attended",
        "median: 54.0 of 60.0 min, first joined 6.0 min after the start, score",
        "polls answered: 1, questions asked: 1 (and 1 by nobody who is known)",
        "recording: https://",
    ):
        assert line in ran.out


def test_the_same_as_json_by_id_uuid_and_name(synced: Any) -> None:
    (told,) = synced.tajo("engagement", "session", synced.number, "--json").json["occurrences"]
    funnel = (
        "registered",
        "attended",
        "half",
        "to_the_end",
        "polls_answered",
        "questions_asked",
        "questions_of_nobody",
    )
    assert [told[name] for name in funnel] == [3, 3, 2, 2, 1, 1, 1]
    assert told["recording"]["expires_on"]
    spaced = f"{synced.number[:3]} {synced.number[3:]}"
    for name in (spaced, synced.uuid, told["occurrence"]):
        assert synced.tajo("engagement", "session", name, "--json").json["occurrences"] == [told]


@pytest.mark.parametrize("name", ["97", "no-such-uuid==", "webinar:97:20260901T1400Z", "\udcff"])
def test_a_session_that_nobody_knows(name: str, synced: Any) -> None:
    ran = synced.tajo("engagement", "session", name)
    assert ran.code == 1
    assert "no session of that number, UUID or name is known" in ran.error
    assert synced.tajo("engagement", "session", name, "--json").json == {"occurrences": []}


# --- recompute


def test_other_weights_change_nothing_until_they_are_wanted_and_a_dry_run_says_what(synced: Any) -> None:
    """Kim's two scores, Lee's and the guest's are by presence alone now: 100 and 90, 33, and 100."""
    synced.configure(field_mapping=MAPPING, engagement=ALL_BY_PRESENCE)
    counted = ("budgets", "budget_counts")  # calls are counted, whoever makes them
    before, files = synced.book, synced.rows(*counted)
    told = synced.tajo("engagement", "recompute", "--dry-run", "--json").json
    assert told["from"] != told["to"]
    assert (told["sessions"], told["dry_run"]) == (2, True)
    assert told["changes"]["scores"] == 4
    assert told["changes"]["people"] == 3
    assert told["contacts"]["to_write"] == 3
    assert (synced.book, synced.rows(*counted)) == (before, files)

    ran = synced.tajo("engagement", "recompute")
    assert ran.code == 0, ran.err
    assert f"score version {told['from']} → {told['to']}" in ran.out
    assert "contacts: 0 created, 3 changed" in ran.out
    assert (score(synced, KIM), score(synced, LEE)) == (90, 33)

    again = synced.tajo("engagement", "recompute", "--json").json
    assert (again["from"], again["changes"]["changed"], again["contacts"]["changed"]) == (told["to"], 0, 0)


def test_a_part_of_history_leaves_the_version_of_the_rest(synced: Any) -> None:
    synced.configure(field_mapping=MAPPING, engagement=ALL_BY_PRESENCE)
    part = synced.tajo("engagement", "recompute", "--since", "5d", "--json").json
    assert part["sessions"] == 1
    whole = synced.tajo("engagement", "recompute", "--json").json
    assert (whole["from"], whole["sessions"]) == (part["from"], 2)


def test_an_unmapped_score_is_said_to_be_in_brevo_nowhere(synced: Any) -> None:
    synced.configure(field_mapping={"attendance_status": "ATTENDANCE_STATUS"})
    assert "mapped to no attribute" in synced.tajo("engagement", "recompute", "--dry-run").out


def test_a_time_that_is_none(synced: Any) -> None:
    ran = synced.tajo("engagement", "recompute", "--since", "spring")
    assert (ran.code, "is no time for --since" in ran.error) == (2, True)
