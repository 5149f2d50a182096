from __future__ import annotations

from typing import Any

import pytest

MONTH = {"from_": "2026-10-26", "to": "2026-11-24"}


def user(zoom: Any, name: str) -> Any:
    return next(u for u in zoom.simulator.world.users if u.email.startswith(name))


def test_users_are_the_active_ones_unless_asked(zoom: Any) -> None:
    assert len(zoom.json("/users")["users"]) == 4
    (former,) = zoom.json("/users", status="inactive")["users"]
    assert former["status"] == "inactive"
    (invited,) = zoom.json("/users", status="pending")["users"]
    assert "id" not in invited
    assert zoom.refusal("/users/" + invited["email"]) == (400, 1120)
    assert "host_key" in zoom.json("/users", include_fields="host_key")["users"][0]


def test_lists_leave_out_instant_personal_and_deleted_meetings(zoom: Any) -> None:
    trainer = user(zoom, "trainer")
    topics = {m["topic"] for m in zoom.json(f"/users/{trainer.id}/meetings", page_size=300)["meetings"]}
    assert "Team meeting" in topics
    assert "Weekly sync" in topics
    assert not {"Quick call", "Deleted afterwards"} & topics
    assert not any("Personal Meeting Room" in topic for topic in topics)


def test_a_series_is_listed_once_as_scheduled_and_by_date_as_upcoming(zoom: Any) -> None:
    trainer = user(zoom, "trainer")
    series = zoom.session("Office hours")
    scheduled = zoom.json(f"/users/{trainer.id}/meetings")["meetings"]
    assert sum(m["id"] == series.id for m in scheduled) == 1
    upcoming = [m for m in zoom.json(f"/users/{trainer.id}/meetings", type="upcoming")["meetings"]]
    starts = [m["start_time"] for m in upcoming if m["id"] == series.id]
    assert starts == [o.start.strftime("%Y-%m-%dT%H:%M:%SZ") for o in series.occurrences[3:]]
    assert "start_time" not in next(
        m for m in zoom.json(f"/users/{user(zoom, 'second').id}/meetings")["meetings"] if m["type"] == 3
    )


def test_ids_expire_thirty_days_after_their_last_use(zoom: Any) -> None:
    host = user(zoom, "webinars")
    zoom.switch(token_lifetime_s=10**8)
    first = zoom.session("봄 웨비나")
    path = f"/users/{host.id}/webinars"
    assert first.id in {w["id"] for w in zoom.json(path)["webinars"]}
    zoom.clock.forward(days=4)
    assert first.id not in {w["id"] for w in zoom.json(path)["webinars"]}


def test_past_occurrences_are_shown_on_demand_and_deleted_ones_marked(zoom: Any) -> None:
    series = zoom.session("매주 화요일")
    assert len(zoom.json(f"/webinars/{series.id}")["occurrences"]) == 1
    every = zoom.json(f"/webinars/{series.id}", show_previous_occurrences="true")["occurrences"]
    assert [o["status"] for o in every] == ["available", "deleted", "available", "available"]
    assert [o["occurrence_id"] for o in every] == [str(int(o.start.timestamp() * 1000)) for o in series.occurrences]


def test_details_tell_of_registration_and_alternative_hosts(zoom: Any) -> None:
    body = zoom.json(f"/webinars/{zoom.session('Kundentag').id}")
    assert body["settings"]["alternative_hosts"] == user(zoom, "trainer").email
    assert body["settings"]["approval_type"] == 0
    assert "registration_url" in body
    assert "registration_url" not in zoom.json(f"/webinars/{zoom.session('Open doors').id}")
    assert "start_time" not in zoom.json(f"/meetings/{zoom.session('Personal Meeting Room').id}")


def test_a_deleted_meeting_is_gone_but_its_report_stays(zoom: Any, encoded: Any) -> None:
    session = zoom.session("Deleted afterwards")
    assert zoom.refusal(f"/meetings/{session.id}") == (404, 3001)
    assert zoom.refusal(f"/past_meetings/{session.id}") == (404, 3001)
    assert zoom.json(f"/past_meetings/{encoded(session.instances[0].uuid)}")["id"] == session.id


def test_the_history_has_every_instance_with_its_uuid(zoom: Any) -> None:
    rows = zoom.all("/report/history_meetings", "history_meetings", **MONTH, page_size=10)
    assert {row["meeting_uuid"] for row in rows} == {i.uuid for _, i in zoom.simulator.world.instances()}
    assert {row["type"] for row in rows} == {"Meeting", "Webinar"}
    assert "total_records" not in zoom.json("/report/history_meetings", **MONTH)
    webinars = zoom.all("/report/history_meetings", "history_meetings", **MONTH, meeting_type="webinar")
    assert {row["type"] for row in webinars} == {"Webinar"}


def test_the_history_may_leave_out_sessions_with_one_participant(zoom: Any) -> None:
    everything = len(zoom.all("/report/history_meetings", "history_meetings", **MONTH))
    zoom.switch(history_lists_one_person=False)
    assert len(zoom.all("/report/history_meetings", "history_meetings", **MONTH)) == everything - 1


@pytest.mark.parametrize(
    "query", [{}, {"from_": "2026-09-01", "to": "2026-11-01"}, {"from_": "x", "to": "y"}, {**MONTH, "date_type": "z"}]
)
def test_the_history_wants_dates_within_a_month(zoom: Any, query: dict[str, str]) -> None:
    assert zoom.refusal("/report/history_meetings", **query) == (400, 300)


def test_a_users_report_has_sessions_with_two_and_pastone_those_with_one(zoom: Any) -> None:
    basic = user(zoom, "basic")
    assert zoom.json(f"/report/users/{basic.id}/meetings", **MONTH)["meetings"] == []
    (alone,) = zoom.json(f"/report/users/{basic.id}/meetings", **MONTH, type="pastOne")["meetings"]
    assert alone["topic"] == "Nobody came"
    former = user(zoom, "former")
    (handover,) = zoom.json(f"/report/users/{former.id}/meetings", **MONTH)["meetings"]
    assert handover["uuid"] == zoom.session("Handover").instances[0].uuid
    assert zoom.refusal(f"/report/users/{basic.id}/meetings", from_="2026-05-01", to="2026-05-20") == (400, 300)


def test_coming_events_are_a_hint_without_number_and_kind(zoom: Any) -> None:
    rows = zoom.all("/report/upcoming_events", "upcoming_events", from_="2026-11-24", to="2026-12-20")
    assert len(rows) == 7
    assert set(rows[0]) == {"id", "topic", "host_id", "host_name", "start_time", "dept"}
    assert len(zoom.json("/report/users", **MONTH)["users"]) == 5


def test_recordings_are_ready_later_and_both_states_have_one_code(zoom: Any) -> None:
    none, fresh = zoom.session("Team meeting"), zoom.session("오늘의 웨비나")
    assert zoom.refusal(f"/meetings/{none.id}/recordings") == (404, 3301)
    response = zoom.get(f"/meetings/{fresh.id}/recordings")
    assert (response.status_code, response.json()["code"]) == (404, 3301)
    assert "processed" in response.json()["message"]
    zoom.clock.forward(hours=4)
    zoom.token = ""
    body = zoom.json(f"/meetings/{fresh.id}/recordings", include_fields="download_access_token")
    assert {"password", "download_access_token", "share_url", "recording_play_passcode"} <= set(body)
    assert [f["file_type"] for f in body["recording_files"]] == ["MP4", "M4A", "TIMELINE"]
    assert "play_url" not in body["recording_files"][2]


def test_a_users_recordings_are_todays_unless_dates_are_given(zoom: Any) -> None:
    host = user(zoom, "webinars")
    body = zoom.json(f"/users/{host.id}/recordings")
    assert (body["from"], body["to"], body["meetings"]) == ("2026-11-24", "2026-11-25", [])
    (item,) = zoom.json(f"/users/{host.id}/recordings", **MONTH)["meetings"]
    assert item["recording_count"] == 7
    assert zoom.json(f"/meetings/{zoom.session('봄 웨비나').id}/transcript")["can_download"]
    assert zoom.refusal(f"/meetings/{zoom.session('Team meeting').id}/transcript") == (404, 3322)


def test_the_dashboard_lists_and_shows_instances(business: Any) -> None:
    rows = business.all("/metrics/webinars", "webinars", **MONTH, type="past")
    assert len(rows) == 13
    head = business.json(f"/metrics/webinars/{rows[-1]['id']}", type="past")
    assert head["uuid"] == rows[-1]["uuid"]
    body = business.json(f"/metrics/webinars/{rows[-1]['id']}/participants", type="past")
    assert body["webinar_number"] == str(rows[-1]["id"])
    assert {row["role"] for row in body["participants"]} >= {"host", "attendee", "panelist"}
