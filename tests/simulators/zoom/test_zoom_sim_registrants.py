from __future__ import annotations

from typing import Any

import pytest

ALL = {"page_size": 300}


def emails(zoom: Any, path: str, **query: Any) -> set[str]:
    return {row["email"] for row in zoom.all(path, "registrants", **ALL, **query)}


def test_three_statuses_are_three_lists_and_the_cancelled_are_in_none(zoom: Any) -> None:
    session = zoom.session("Manual approval")
    path = f"/webinars/{session.id}/registrants"
    lists = {status: emails(zoom, path, status=status) for status in ("approved", "pending", "denied")}
    assert [len(found) for found in lists.values()] == [36, 4, 4]
    assert emails(zoom, path) == lists["approved"]
    cancelled = {r.email for r in session.registrants if r.cancelled_at}
    assert len(cancelled) == 4
    assert not cancelled & set().union(*lists.values())
    assert zoom.refusal(path, status="cancelled") == (400, 300)


def test_only_approved_registrants_have_a_link(zoom: Any) -> None:
    path = f"/webinars/{zoom.session('Manual approval').id}/registrants"
    assert all("?tk=" in row["join_url"] for row in zoom.json(path)["registrants"])
    assert not any("join_url" in row for row in zoom.json(path, status="pending")["registrants"])


def test_somebody_who_cancels_vanishes_at_that_time(zoom: Any) -> None:
    session = zoom.session("Herbst-Webinar")
    path = f"/webinars/{session.id}/registrants"
    later = len(emails(zoom, path))
    zoom.clock.forward(hours=-31)
    zoom.token = ""
    assert len(emails(zoom, path)) == later + 3


def test_a_registrant_is_seen_from_the_time_of_registration(zoom: Any) -> None:
    session = zoom.session("봄 웨비나")
    zoom.clock.now = session.instances[0].end
    assert len(emails(zoom, f"/webinars/{session.id}/registrants")) == 60


def test_a_series_has_registrants_for_each_date(zoom: Any) -> None:
    each = zoom.session("Product deep dive")
    path = f"/webinars/{each.id}/registrants"
    counts = [len(emails(zoom, path, occurrence_id=o.id)) for o in each.occurrences]
    assert counts == [28, 27, 20]
    assert len(zoom.all(path, "registrants", **ALL)) == 75
    once = zoom.session("매주 화요일")
    for occurrence in once.occurrences:
        assert len(emails(zoom, f"/webinars/{once.id}/registrants", occurrence_id=occurrence.id)) == 53
    assert zoom.refusal(path, occurrence_id="123") == (400, 300)


def test_tracking_sources_filter_but_are_not_shown(zoom: Any) -> None:
    session = zoom.session("봄 웨비나")
    sources = zoom.json(f"/webinars/{session.id}/tracking_sources")["tracking_sources"]
    assert [source["source_name"] for source in sources] == ["newsletter", "homepage", "카카오톡"]
    for source in sources:
        found = zoom.all(f"/webinars/{session.id}/registrants", "registrants", tracking_source_id=source["id"])
        assert len(found) == source["registration_count"] > 0
        assert not any("source" in name for row in found for name in row)


def test_empty_fields_of_the_form_are_empty_texts_and_answers_have_titles(zoom: Any) -> None:
    row = zoom.json(f"/webinars/{zoom.session('봄 웨비나').id}/registrants")["registrants"][0]
    assert row["address"] == row["no_of_employees"] == ""
    assert [answer["title"] for answer in row["custom_questions"]] == ["어떻게 알게 되셨나요?", "Interests"]
    meeting_row = zoom.json(f"/meetings/{zoom.session('세미나').id}/registrants")["registrants"][0]
    assert isinstance(meeting_row["participant_pin_code"], int)


def test_one_registrant_can_be_read(zoom: Any) -> None:
    webinar, meeting = zoom.session("Manual approval"), zoom.session("세미나")
    denied = next(r for r in webinar.registrants if r.status == "denied")
    body = zoom.json(f"/webinars/{webinar.id}/registrants/{denied.id}")
    assert (body["email"], body["status"], body["language"]) == (denied.email, "denied", "ko-KR")
    assert "language" not in zoom.json(f"/meetings/{meeting.id}/registrants/{meeting.registrants[0].id}")
    assert zoom.refusal(f"/meetings/{meeting.id}/registrants/nobody") == (404, 3001)


@pytest.mark.parametrize("topic", ["Open doors", "Team meeting"])
def test_without_registration_the_list_is_empty_or_an_error(zoom: Any, topic: str) -> None:
    session = zoom.session(topic)
    path = f"/{session.kind}s/{session.id}/registrants"
    assert zoom.json(path)["registrants"] == []
    zoom.switch(registrants_without_registration="error")
    assert zoom.refusal(path) == (400, 300)


def test_without_registration_there_are_no_absentees_and_no_form(zoom: Any) -> None:
    session = zoom.session("Open doors")
    response = zoom.get(f"/past_webinars/{session.id}/absentees")
    assert (response.status_code, response.json()["code"]) == (400, 3000)
    assert session.instances[0].uuid in response.json()["message"]
    assert zoom.refusal(f"/webinars/{session.id}/registrants/questions") == (400, 3000)


def test_absentees_are_the_registrants_without_a_row(zoom: Any, encoded: Any) -> None:
    session = zoom.session("봄 웨비나")
    (occurrence,) = zoom.simulator.world.truth_of(session.id)
    missed = {person.email for person in occurrence.people if person.outcome == "no_show"}
    path = f"/past_webinars/{encoded(session.instances[0].uuid)}/absentees"
    assert emails(zoom, path) == missed


def test_absentees_of_an_occurrence(zoom: Any) -> None:
    session = zoom.session("Product deep dive")
    path = f"/past_webinars/{session.id}/absentees"
    counts = [len(emails(zoom, path, occurrence_id=o.id)) for o in session.occurrences[:2]]
    assert counts == [9, 9]
    assert zoom.refusal(path, occurrence_id=session.occurrences[2].id) == (404, 3001)


def test_the_form_is_shown_with_its_own_questions(zoom: Any) -> None:
    form = zoom.json(f"/webinars/{zoom.session('봄 웨비나').id}/registrants/questions")
    assert {"field_name": "last_name", "required": True} in form["questions"]
    assert form["custom_questions"][1]["answers"] == ["Data", "Marketing", "Data;Marketing"]
    assert zoom.json(f"/meetings/{zoom.session('세미나').id}/registrants/questions")["custom_questions"] == []


def test_panelists_are_listed_without_paging(zoom: Any) -> None:
    body = zoom.json(f"/webinars/{zoom.session('Manual approval').id}/panelists")
    assert body["total_records"] == len(body["panelists"]) == 2
    assert "next_page_token" not in body
