"""Zoom behaves badly during a sync: it ends, says so, counts what is missing, and the same command mends it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from tajo.simulators.faults import Fault

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

JSON_429 = b'{"code":429,"message":"You have reached the maximum per-second rate limit for this API. Try again later."}'
DAILY_429 = b'{"code":429,"message":"You have reached the maximum daily rate limit for this API."}'

# every kind of call that a sync makes, by its beginning
PLACES = (
    "POST /oauth/token",
    "GET /report/history_meetings",
    "GET /users?",
    re.compile(r"GET /users/[^/]+/meetings"),
    re.compile(r"GET /users/[^/]+/webinars"),
    re.compile(r"GET /webinars/\d+(\?|$)"),
    re.compile(r"GET /webinars/\d+/panelists"),
    re.compile(r"GET /webinars/\d+/registrants"),
    re.compile(r"GET /webinars/\d+/tracking_sources"),
    re.compile(r"GET /meetings/\d+(\?|$)"),
    "GET /report/webinars/",
    "GET /report/meetings/",
)
PASSING = {
    "HTML with 502": Fault.html(502),
    "HTML with 200": Fault.html(200),
    "a truncated answer": Fault.truncated(),
    "500": Fault.respond(500, b'{"code":500,"message":"Internal error"}'),
    "a broken connection": Fault.reset_before(),
    "a connection broken after the work": Fault.reset_after(),
    "a slow answer": Fault.slow(0.05),
    "429 without headers": Fault.respond(429, JSON_429),
    "429 in seconds": Fault.respond(429, JSON_429, headers={"retry-after": "3", "x-ratelimit-type": "QPS"}),
}


@pytest.mark.parametrize("name", PASSING)
async def test_a_passing_fault_changes_nothing(name: str, ground: Any, undisturbed: Any) -> None:
    """Once at every kind of call, the sign-in included."""
    here = ground()
    orders = [here.order(PASSING[name], place) for place in PLACES]
    told = await here.sync()
    assert [order.match for order in orders if not order.used] == []
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed()


LASTING = {
    "500": Fault.respond(500),
    "a broken connection": Fault.reset_before(),
    "HTML with 200": Fault.html(200),
    "a truncated answer": Fault.truncated(),
    "an error with 200": Fault.respond(200, b'{"code":0,"error_message":"success"}'),
    "no list": Fault.respond(200, b'{"participants":{},"registrants":7,"panelists":"x","tracking_sources":1}'),
    "an unknown 4xx": Fault.respond(418, b'{"code":99999,"message":"?"}'),
}


@pytest.mark.parametrize("name", LASTING)
async def test_one_unreadable_report_stops_no_other_session(name: str, ground: Any, undisturbed: Any) -> None:
    """The report of one meeting fails whatever is tried: the other people are written, the meeting is named and
    counted, and once Zoom is well the same command reads it.
    """
    here = ground()
    uuid = here.uuids("Weekly")[0]
    here.order(LASTING[name], re.compile("GET /report/meetings/" + re.escape(uuid[:10])), times=None)
    told = await here.sync()
    others = {email for topic in ("Webinar", "Onboarding", "Coming") for email in here.people(topic)}
    assert set(here.book()) == others
    assert told.exit in (5, 6)
    assert str(here.id("Weekly")) in told.text
    assert told.summary["unavailable"] + told.summary["letters_arisen"] == 1
    assert told.took < timedelta(minutes=5)

    here.zoom.faults.clear()
    told = await here.sync()
    assert told.exit == 0, told.text
    assert told.summary["dead_letters"] == 0
    assert (here.book(), here.kept()) == await undisturbed()


SESSION_CALLS = {
    "webinar": r"GET /webinars/{}(\?|$)",
    "panelists": r"GET /webinars/{}/panelists",
    "registrants": r"GET /webinars/{}/registrants",
}


@pytest.mark.parametrize("call", SESSION_CALLS)
async def test_one_failing_call_of_a_session_stops_no_other(call: str, ground: Any, undisturbed: Any) -> None:
    here = ground()
    here.order(Fault.respond(500), re.compile(SESSION_CALLS[call].format(here.id("Webinar"))), times=None)
    told = await here.sync()
    assert {email for topic in ("Weekly", "Onboarding", "Coming") for email in here.people(topic)} <= set(here.book())
    assert told.exit in (5, 6)
    assert str(here.id("Webinar")) in told.text

    here.zoom.faults.clear()
    told = await here.sync()
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed()


async def test_the_only_session_that_fails_leaves_the_run_resumable(ground: Any) -> None:
    """Nothing else is called while it fails, so Zoom looks silent; the people of sessions read before are written
    all the same, and the next runs do not end alike for ever.
    """
    here = ground()
    here.order(Fault.respond(500), "GET /report/meetings/", times=None)
    for _ in range(3):
        told = await here.sync()
        assert told.exit == 5
    assert here.people("Webinar") <= set(here.book())
    here.zoom.faults.clear()
    told = await here.sync()
    assert told.exit == 0, told.text
    assert set(here.book()) == here.everybody


@pytest.mark.parametrize("place", PLACES[:5], ids=str)
async def test_when_finding_sessions_fails_nothing_is_lost(place: Any, ground: Any, undisturbed: Any) -> None:
    here = ground()
    here.order(Fault.respond(503), place, times=None)
    told = await here.sync()
    assert told.exit == 5, told.text
    assert told.problem["message"]
    assert told.problem["hint"]
    assert timedelta(seconds=55) <= told.took <= timedelta(seconds=130)
    assert here.book() == {}

    here.zoom.faults.clear()
    told = await here.sync()
    assert "goes on with" in told.text
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed()


# --- pages ---


@pytest.mark.parametrize("fault", [Fault.endless_pages(), Fault.repeat_page_token()], ids=["endless", "repeated"])
async def test_a_report_in_a_circle_is_left_after_a_few_calls(fault: Fault, ground: Any, undisturbed: Any) -> None:
    here = ground("small", "crowd")
    here.order(fault, re.compile("GET /report/meetings/" + re.escape(here.uuids("Crowd")[0][:10])), times=None)
    told = await here.sync()
    assert here.zoom.calls.count(prefix="/report/meetings/") < 20
    assert told.exit == 6, told.text
    assert str(here.id("Crowd")) in told.text
    assert set(here.book()) == here.everybody - here.people("Crowd")

    here.zoom.faults.clear()
    told = await here.sync()
    assert told.exit == 0, told.text
    assert told.summary["dead_letters"] == 0
    assert (here.book(), here.kept()) == await undisturbed("small", "crowd")


async def test_an_endless_list_of_sessions_ends(ground: Any) -> None:
    here = ground()
    here.order(Fault.endless_pages(), "GET /report/history_meetings", times=None)
    told = await here.sync()
    assert here.zoom.calls.count(prefix="/report/history_meetings") < 10
    assert told.exit in (5, 6)
    assert "circle" in told.text
    assert here.book() == {}


async def test_repeated_rows_of_shifting_pages_count_once(ground: Any, undisturbed: Any) -> None:
    """Each later page repeats the last row before it: 620 people, no join too many, no minute too many."""
    here = ground("small", "crowd", zoom={"page_drift": True})
    told = await here.sync()
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed("small", "crowd")


@pytest.mark.parametrize("times", [1, 2])
async def test_a_page_token_that_expires_restarts_the_report(times: int, ground: Any, undisturbed: Any) -> None:
    """A quarter of an hour passes between two pages; rows of the first try are not counted beside those of the
    second. When it happens again the report is read by the next run.
    """
    here = ground("small", "crowd")
    for _ in range(times):
        here.when("zoom", lambda line, _: "next_page_token" in line, lambda: here.clock.forward(minutes=16))
    told = await here.sync()
    if times == 2:
        assert told.exit in (0, 5), told.text
        told = await here.sync()
    assert told.exit == 0, told.text
    book, kept = await undisturbed("small", "crowd")
    assert here.book() == book
    assert here.kept()[1] == kept[1]


# --- rows and shapes ---


async def test_a_row_without_any_field_is_counted(ground: Any) -> None:
    here = ground()
    page = {
        "page_size": 300,
        "next_page_token": "",
        "participants": [{}, {"name": "x"}, {"leave_time": "2026-11-21T09:00:00Z"}],
    }
    here.order(Fault.respond(200, json.dumps(page).encode()), "GET /report/meetings/", times=1)
    told = await here.sync()
    assert told.exit in (0, 6)
    assert told.summary["unreadable_rows"] == 3
    assert "unreadable" in told.text


EMPTY = [b"null", b'{"participants":[]}']


@pytest.mark.parametrize("body", EMPTY, ids=repr)
async def test_an_empty_report_that_the_listing_contradicts_makes_no_no_shows(body: bytes, ground: Any) -> None:
    """The listing of past sessions counts five participants, the webinar's report tells of nobody: whoever registered
    may have been there, and nobody is told that they were missed.
    """
    here = ground()
    here.order(Fault.respond(200, body), "GET /report/webinars/", times=None)
    told = await here.sync()
    assert "no_show" not in {values.get("ATTENDANCE_STATUS") for values, _ in here.book().values()}
    assert told.summary["overdue"] or told.summary["problems"], told.text


@pytest.mark.parametrize("body", EMPTY, ids=repr)
async def test_a_report_that_is_empty_now_takes_nothing_away(body: bytes, ground: Any) -> None:
    here = ground()
    await here.sync()
    before = here.book()
    here.order(Fault.respond(200, body), "GET /report/webinars/", times=None)
    told = await here.sync()
    assert here.book() == before
    assert str(here.id("Webinar")) in told.text


@pytest.mark.parametrize("body", [b"null", b'{"registrants":[]}'], ids=repr)
async def test_an_empty_list_of_registrants_cancels_nobody_who_came(body: bytes, ground: Any) -> None:
    """Of a past webinar nobody can cancel any more: the second read with an empty list changes nothing."""
    here = ground()
    await here.sync()
    before = here.book()
    here.order(Fault.respond(200, body), re.compile(rf"GET /webinars/{here.id('Webinar')}/registrants"), times=None)
    await here.sync()
    assert here.book() == before


async def test_unknown_fields_and_foreign_messages_are_no_matter(ground: Any, undisturbed: Any) -> None:
    """As of a Chilean account, with errors on the way: no add-on, registrants of sessions without registration."""
    odd = {"localised_messages": True, "unknown_extra_fields": True, "omit_counts_on_later_pages": True}
    here = ground("small", "crowd", zoom={**odd, "registrants_without_registration": "error"})
    told = await here.sync()
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed("small", "crowd")


async def test_localised_refusals_are_understood(ground: Any) -> None:
    """No report yet, in Spanish: the session settles, and is read when the report is there."""
    here = ground("ended_now", zoom={"localised_messages": True, "report_delay": timedelta(hours=1)})
    told = await here.sync(meeting=str(here.id("Just now")))
    assert told.exit == 0, told.text
    assert here.book() == {}
    assert told.summary["settling"] == 1
    here.clock.forward(hours=3)
    told = await here.sync()
    assert told.exit == 0, told.text
    assert set(here.book()) == {"late@mail.example"}


# --- limits and tokens ---


@pytest.mark.parametrize("headers", [{}, {"retry-after": "2"}, {"x-ratelimit-remaining": "0"}], ids=str)
async def test_a_storm_of_429_passes(headers: dict[str, str], ground: Any, undisturbed: Any) -> None:
    """Three refusals in a row for each family of calls."""
    here = ground()
    for place in PLACES[1:]:
        here.order(Fault.respond(429, JSON_429, headers=headers), place, times=3)
    told = await here.sync()
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed()


@pytest.mark.parametrize("headers", [{}, {"retry-after": "1"}], ids=str)
async def test_429_for_ever_ends_the_run_resumable(headers: dict[str, str], ground: Any, undisturbed: Any) -> None:
    here = ground()
    order = here.order(Fault.respond(429, JSON_429, headers=headers), times=None)
    told = await here.sync()
    assert told.exit == 5, told.text
    assert order.used < 30
    here.zoom.faults.clear()
    told = await here.sync()
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed()


async def test_a_used_up_day_says_until_when(ground: Any, undisturbed: Any) -> None:
    here = ground()
    until = "2026-11-25T00:00:00Z"
    headers = {"retry-after": until, "x-ratelimit-type": "Daily-limit"}
    order = here.order(Fault.respond(429, DAILY_429, headers=headers), "GET /report/", times=None)
    told = await here.sync()
    assert told.exit == 5
    assert order.used < 5
    assert told.problem["retry_at"]
    assert "2026-11-25" in told.text
    here.zoom.faults.clear()
    here.clock.forward(hours=15)
    told = await here.sync()
    assert told.exit == 0, told.text
    assert here.book() == (await undisturbed())[0]


@pytest.mark.parametrize(("mode", "status"), [("single", 401), ("multi", 400)])
async def test_a_token_that_expires_mid_run_is_renewed(mode: str, status: int, ground: Any, undisturbed: Any) -> None:
    here = ground(zoom={"token_mode": mode, "token_expired_status": status})
    here.when("zoom", lambda _, number: number == 9, here.zoom.expire_tokens)
    told = await here.sync()
    assert told.exit == 0, told.text
    assert here.zoom.calls.count(prefix="/oauth/token") == 2
    assert (here.book(), here.kept()) == await undisturbed()


async def test_an_app_switched_off_mid_run_pauses_it(ground: Any, undisturbed: Any) -> None:
    here = ground()
    here.when("zoom", lambda _, number: number == 12, here.zoom.deactivate)
    told = await here.sync()
    assert told.exit == 4, told.text
    assert "activate" in told.text
    here.zoom.activate()
    told = await here.sync()
    assert "goes on with" in told.text
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed()


async def test_a_short_lived_token_lasts_the_run(ground: Any, undisturbed: Any) -> None:
    here = ground("small", "crowd", zoom={"token_mode": "single", "token_lifetime_s": 1})
    told = await here.sync()
    assert told.exit == 0, told.text
    assert (here.book(), here.kept()) == await undisturbed("small", "crowd")
