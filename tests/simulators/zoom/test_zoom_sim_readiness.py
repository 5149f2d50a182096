from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from time import perf_counter
from typing import Any

import pytest

from tajo.simulators.world import webinar


@pytest.fixture
def fresh(zoom: Any) -> tuple[Any, Any]:
    """The account with a report that needs 20 minutes, then settles for 10; the webinar's last instance."""
    zoom.switch(report_delay=timedelta(minutes=20), report_settling=timedelta(minutes=10), token_lifetime_s=10**9)
    session = zoom.session("오늘의 웨비나")
    return zoom, session


def test_a_session_that_goes_on_has_no_report(fresh: Any) -> None:
    zoom, session = fresh
    zoom.clock.now = session.instances[-1].start + timedelta(minutes=5)
    assert zoom.refusal(f"/report/webinars/{session.id}/participants") == (404, 3001)
    assert zoom.refusal(f"/past_webinars/{session.id}/participants") == (404, 3001)
    assert zoom.json(f"/past_webinars/{session.id}/instances")["webinars"] == []


def test_a_live_meeting_is_started_and_listed_as_live(zoom: Any) -> None:
    session = zoom.session("오늘 상담")
    zoom.clock.now = session.instances[-1].start + timedelta(minutes=5)
    assert zoom.json(f"/meetings/{session.id}")["status"] == "started"
    live = zoom.json(f"/users/{session.host.id}/meetings", type="live")["meetings"]
    assert [meeting["uuid"] for meeting in live] == [session.instances[-1].uuid]


def test_the_report_is_missing_then_partial_then_whole(fresh: Any) -> None:
    zoom, session = fresh
    end = session.instances[-1].end
    path = f"/report/webinars/{session.id}/participants"
    whole = len(session.instances[-1].rows)
    zoom.clock.now = end + timedelta(minutes=19, seconds=59)
    assert zoom.refusal(path) == (404, 3001)
    assert not _in_history(zoom, session)
    zoom.clock.forward(seconds=1)
    partial = zoom.all(path, "participants")
    assert len(partial) == (whole + 1) // 2
    assert {row["duration"] for row in partial} == {0}
    assert _in_history(zoom, session)
    zoom.clock.forward(minutes=10)
    rows = zoom.all(path, "participants")
    assert len(rows) == whole
    assert all(row["duration"] > 0 for row in rows)


def _in_history(zoom: Any, session: Any) -> bool:
    rows = zoom.all("/report/history_meetings", "history_meetings", from_="2026-11-24", to="2026-11-24")
    return session.id in {row["meeting_id"] for row in rows}


def test_reports_are_kept_for_a_year_webinar_rows_for_half(fresh: Any) -> None:
    zoom, session = fresh
    path = f"/report/webinars/{session.id}/participants"
    zoom.clock.forward(days=182)
    assert zoom.get(path).status_code == 200
    zoom.clock.forward(days=3)
    assert zoom.refusal(path) == (400, 300)
    zoom.switch(webinar_report_months=12)
    assert zoom.get(path).status_code == 200
    zoom.clock.forward(days=181)
    assert zoom.refusal(path) == (400, 12702)
    assert zoom.refusal(f"/past_meetings/{zoom.session('오늘 상담').id}") == (400, 12702)
    assert len(zoom.json(f"/past_webinars/{session.id}/instances")["webinars"]) == 1
    zoom.clock.forward(days=100)
    assert zoom.json(f"/past_webinars/{session.id}/instances")["webinars"] == []


def test_a_changed_world_is_seen_at_once(zoom: Any) -> None:
    session = zoom.session("봄 웨비나")
    path = f"/report/webinars/{session.id}/participants"
    before = zoom.json(path)["total_records"]
    instance = session.instances[0]
    shorter = replace(session, instances=(replace(instance, rows=instance.rows[:5]),))
    zoom.simulator.world = zoom.simulator.world.with_session(shorter)
    assert before > zoom.json(path)["total_records"] == 5


def test_a_huge_webinar_is_served_page_by_page(account: Callable[..., Any], world: Any) -> None:
    """All 20,000 rows in 67 pages, each far below a tenth of a second."""
    zoom = account(webinar(5, now=world.now, registrants=8_000, attendees=6_000, rows=20_000))
    (session,) = zoom.simulator.world.sessions.values()
    begin = perf_counter()
    rows = zoom.all(f"/report/webinars/{session.id}/participants", "participants", page_size=300)
    assert len(rows) == 20_000
    assert perf_counter() - begin < 6.7
