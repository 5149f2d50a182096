from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

FIELDS = {"include_fields": "registrant_id", "page_size": 300}


def rows(zoom: Any, topic: str, number: int = -1, **query: Any) -> list[dict[str, Any]]:
    session = zoom.session(topic)
    uuid = quote(quote(session.instances[number].uuid, safe=""), safe="")
    found: list[dict[str, Any]] = zoom.all(
        f"/report/{session.kind}s/{uuid}/participants", "participants", **(query or FIELDS)
    )
    return found


def test_each_stay_is_a_row_with_its_own_user_id_and_seconds(zoom: Any) -> None:
    session = zoom.session("봄 웨비나")
    shown = rows(zoom, "봄 웨비나")
    meant = {row.user_id: row for row in session.instances[0].rows}
    assert {row["user_id"] for row in shown} == set(meant)
    for row in shown:
        truth = meant[row["user_id"]]
        assert (row["name"], row["user_email"], row["duration"]) == (truth.name, truth.email, truth.duration_s)
        assert (row["failover"], row["status"], row["registrant_id"]) == (
            truth.failover,
            truth.status,
            truth.registrant_id,
        )
        assert row["join_time"].endswith("Z")


def test_registrant_ids_come_only_when_asked_for(zoom: Any) -> None:
    assert not any("registrant_id" in row for row in rows(zoom, "봄 웨비나", page_size=300))
    assert not any("registrant_id" in row for row in rows(zoom, "Open doors"))


def test_guests_have_an_empty_id_and_no_participant_user_id(zoom: Any) -> None:
    guests = [row for row in rows(zoom, "Open doors") if not row["id"]]
    assert guests
    assert not any("participant_user_id" in row for row in guests)
    signed_in = [row for row in rows(zoom, "봄 웨비나") if row["id"]]
    assert all(row["participant_user_id"] == row["id"] for row in signed_in)


def test_older_reports_give_guests_their_registrant_id(zoom: Any) -> None:
    zoom.switch(id_is_registrant_id_for_guests=True)
    guests = [r for r in rows(zoom, "봄 웨비나") if "participant_user_id" not in r]
    assert guests
    assert all(row["id"] == row["registrant_id"] != "" for row in guests)


def test_customer_keys_are_there_for_sdk_joins_only(zoom: Any) -> None:
    assert len({row["customer_key"] for row in rows(zoom, "Embedded class") if "customer_key" in row}) == 6
    assert not any("customer_key" in row for row in rows(zoom, "봄 웨비나"))


def test_waiting_room_and_breakout_rooms_are_rows_of_their_own(zoom: Any) -> None:
    shown = rows(zoom, "그룹 토론")
    assert sum(row["status"] == "in_waiting_room" for row in shown) == 6
    assert sum(bool(row.get("bo_mtg_id")) for row in shown) == 8


@pytest.mark.parametrize(("known", "there"), [(False, False), (True, True)])
def test_whether_past_participants_know_include_fields_is_open(zoom: Any, known: bool, there: bool) -> None:
    zoom.switch(include_fields_on_past=known)
    session = zoom.session("오늘의 웨비나")
    body = zoom.json(f"/past_webinars/{session.id}/participants", **FIELDS)
    assert all(("registrant_id" in row) == there for row in body["participants"])
    assert all("internal_user" in row and "participant_user_id" not in row for row in body["participants"])


def test_past_webinars_may_have_fractions_of_seconds(zoom: Any) -> None:
    zoom.switch(webinar_time_fractions=True)
    session = zoom.session("오늘의 웨비나")
    body = zoom.json(f"/past_webinars/{session.id}/participants")
    assert all(row["join_time"].endswith(".00Z") for row in body["participants"])


def test_practice_session_rows_may_be_left_out(zoom: Any) -> None:
    with_practice = len(rows(zoom, "오늘의 웨비나"))
    zoom.switch(practice_session_rows=False)
    assert len(rows(zoom, "오늘의 웨비나")) == with_practice - 1


@pytest.mark.parametrize(("position", "answer"), [("empty", 0), ("rows", 1), ("error", None)])
def test_a_session_with_one_participant_shows_nothing(zoom: Any, position: str, answer: int | None) -> None:
    zoom.switch(single_participant=position)
    response = zoom.get(f"/report/meetings/{zoom.session('Nobody came').id}/participants")
    if answer is None:
        assert (response.status_code, response.json()["code"]) == (404, 3001)
    else:
        assert len(response.json()["participants"]) == answer


def test_odd_names_arrive_unharmed(zoom: Any) -> None:
    names = {row["name"] for row in rows(zoom, "이상한")}
    assert {"{{7*7}} {{ contact.EMAIL }}", "<img src=x onerror=alert(1)> O'Brien"} <= names
    assert any("🎉" in name for name in names)


def test_polls_and_questions_are_grouped_by_respondent(zoom: Any) -> None:
    session = zoom.session("봄 웨비나")
    polls = zoom.json(f"/past_webinars/{session.id}/polls")
    assert len(polls["questions"]) == 12
    assert set(polls["questions"][0]["question_details"][0]) == {"polling_id", "question", "answer", "date_time"}
    qa = zoom.json(f"/report/webinars/{session.id}/qa")
    assert [len(each["question_details"]) for each in qa["questions"]] == [2, 1, 1, 1]
    assert qa["questions"][-1] == {
        "email": "",
        "name": "Anonymous Attendee",
        "question_details": [{"question": "Is there a recording?", "answer": "live answered"}],
    }
    assert zoom.json(f"/past_meetings/{zoom.session('Team meeting').id}/polls")["questions"] == []
