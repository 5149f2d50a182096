"""Every row of docs/awkward-cases.md: simulated Zoom → sync → roster → contact in simulated Brevo.

A row's name in the page is a test's name here; the last test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo.simulators.world import Stage
from tajo.store import rosters

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
YESTERDAY = NOW - DAY
KIM, LEE = "kim@mail.example", "lee@mail.example"
MEETINGS, CAME, SIGNED_UP = 15, 16, 17  # the lists of attendees of meetings, of webinars, and of registrants
PAGES = ("docs/awkward-cases.md", "docs/awkward-cases.ko.md")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def kim(stage: Stage) -> Any:
    return stage.names.person(email=KIM, first_name="Minsu", last_name="Kim", phone="", country="US", zoom_id="")


@pytest.fixture
def lee(stage: Stage) -> Any:
    return stage.names.person(email=LEE, first_name="Jane", last_name="Lee", phone="", country="US", zoom_id="")


def lines(b: Any, email: str) -> list[tuple[str, int, int]]:
    """Somebody's roster lines in time order: outcome, minutes present, joins."""
    found = b.database.read_now(rosters.lines_of, email)
    return [
        (each.entry.outcome.value, round(each.entry.present.total_seconds() / 60), each.entry.joins) for each in found
    ]


def in_brevo(b: Any, email: str) -> tuple[Any, set[int]] | None:
    """ATTENDANCE_STATUS and lists, None for nobody."""
    contact = b.brevo.contacts.get(email)
    return (contact.attributes.get("ATTENDANCE_STATUS"), set(contact.list_ids)) if contact else None


def in_review(b: Any) -> list[tuple[str, int]]:
    found = b.database.read_now(rosters.held)
    told = b.database.read_now(rosters.in_review, [(each.kind, each.session_id) for each in found])
    return [(each["why"], each["rows"]) for each in told]


# --- series ---


async def test_series_registered_per_date(bench: Callable[..., Any], stage: Stage, kim: Any, lee: Any) -> None:
    """Kim is for yesterday only, Lee for the next date only."""
    plan = stage.webinar("Series", start=YESTERDAY, type=9, registration_type=2)
    past, coming = plan.occurs(YESTERDAY), plan.occurs(NOW + 6 * DAY)
    plan.register(kim, dates=[past])
    plan.register(lee, dates=[coming])
    plan.hold(date=past)
    async with bench(stage.world()) as b:
        await b.sync()
        assert (lines(b, KIM), lines(b, LEE)) == ([("no_show", 0, 0)], [("registered", 0, 0)])
        assert in_brevo(b, KIM) == ("no_show", {SIGNED_UP})
        assert in_brevo(b, LEE) == ("registered", {SIGNED_UP})


async def test_series_registered_once(bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    """Kim came to the first date, not to the second; the third is to come."""
    plan = stage.webinar("Series", start=NOW - 8 * DAY, type=9, registration_type=1)
    first, second, _ = (plan.occurs(at) for at in (NOW - 8 * DAY, YESTERDAY, NOW + 6 * DAY))
    plan.register(kim)
    plan.hold(date=first).come(kim, 0, 30)
    plan.hold(date=second)
    async with bench(stage.world()) as b:
        await b.sync()
        assert [outcome for outcome, *_ in lines(b, KIM)] == ["attended", "no_show", "registered"]
        assert in_brevo(b, KIM) == ("no_show", {CAME, SIGNED_UP})


async def test_no_fixed_time(bench: Callable[..., Any], stage: Stage, kim: Any, lee: Any) -> None:
    """A meeting without a fixed time: held again after 98 minutes it is another one, after 6 the same."""
    plan = stage.meeting("Study group", start=None, type=3, created_at=NOW - 40 * DAY)
    first = plan.hold(date=plan.date(NOW - 10 * HOUR), minutes=20)
    again = plan.hold(date=first.date, start=first.end + timedelta(minutes=6), minutes=20)
    later = plan.hold(date=plan.date(again.end + timedelta(minutes=98)), minutes=20)
    for held in (first, again, later):
        held.come(kim, 0, 10)
    first.come(lee, 0, 20)
    async with bench(stage.world()) as b:
        await b.sync()
        assert (lines(b, KIM), lines(b, LEE)) == ([("attended", 20, 2), ("attended", 10, 1)], [("attended", 20, 1)])
        assert in_brevo(b, KIM) == ("attended", {MEETINGS})


# --- registrations ---


async def test_on_demand(bench: Callable[..., Any], stage: Stage, kim: Any, lee: Any) -> None:
    """Who registers after the end, to see the recording, neither came nor was missed."""
    plan = stage.webinar("Past", start=YESTERDAY)
    plan.register(lee)
    held = plan.hold()
    held.come(lee, 0, 50)
    plan.register(kim, create_time=held.end + HOUR)
    async with bench(stage.world()) as b:
        await b.sync()
        assert (lines(b, KIM), in_brevo(b, KIM)) == ([], None)
        assert in_brevo(b, LEE) == ("attended", {CAME, SIGNED_UP})


async def _never_written(status: Any, bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    stage.webinar("Coming", start=NOW + DAY, approval_type=1).register(kim, status=status)
    async with bench(stage.world()) as b:
        await b.sync()
        assert (lines(b, KIM), in_brevo(b, KIM)) == ([(status, 0, 0)], None)


async def test_pending(bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    await _never_written("pending", bench, stage, kim)


async def test_denied(bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    await _never_written("denied", bench, stage, kim)


def registered(stage: Stage, person: Any, **fields: Any) -> Any:
    """A coming webinar whose registrant has these fields; the world, and the registrant."""
    plan = stage.webinar("Coming", start=NOW + 3 * DAY)
    registrant = plan.register(person, **fields)

    def with_(*registrants: Any) -> Any:
        plan.signups = [replace(plan.signups[0], registrant=each) for each in registrants]
        return stage.world()

    return with_, registrant


async def test_denied_later(bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    """Approved, written, then denied by the host: the status changes, and the list is left."""
    with_, registrant = registered(stage, kim)
    async with bench(with_(registrant)) as b:
        await b.sync()
        assert in_brevo(b, KIM) == ("registered", {SIGNED_UP})
        b.zoom.world = with_(replace(registrant, status="denied"))
        b.clock.forward(hours=1)
        await b.sync()
        assert in_brevo(b, KIM) == ("denied", set())


async def test_cancelled(bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    """Zoom lists the registrant no more: cancelled, and off the list."""
    with_, registrant = registered(stage, kim)
    async with bench(with_(registrant)) as b:
        await b.sync()
        b.zoom.world = with_(replace(registrant, cancelled_at=NOW))
        b.clock.forward(hours=1)
        await b.sync()
        assert (lines(b, KIM), in_brevo(b, KIM)) == ([("cancelled", 0, 0)], ("cancelled", set()))


async def test_cancelled_and_registered_again(bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    """Under a new registrant id: one person, registered."""
    with_, registrant = registered(stage, kim)
    gone = replace(registrant, cancelled_at=NOW)
    async with bench(with_(registrant)) as b:
        await b.sync()
        b.zoom.world = with_(gone)
        b.clock.forward(hours=1)
        await b.sync()
        b.zoom.world = with_(gone, replace(registrant, id="another-registrant-id"))
        b.clock.forward(hours=1)
        await b.sync()
        assert (lines(b, KIM), in_brevo(b, KIM)) == ([("registered", 0, 0)], ("registered", {SIGNED_UP}))


async def test_without_registration(bench: Callable[..., Any], stage: Stage, kim: Any, lee: Any) -> None:
    """Who shows an address attended; the others are in review; nobody is absent."""
    held = stage.webinar("Open doors", start=YESTERDAY, approval_type=2).hold()
    held.come(kim, 0, 40)
    held.come(lee, 0, 40, email="", name="Attendee 7")
    async with bench(stage.world()) as b:
        summary = await b.sync()
        assert (summary["outcomes"]["attended"], summary["outcomes"]["no_show"]) == (1, 0)
        assert in_brevo(b, KIM) == ("attended", {CAME})
        assert in_review(b) == [("name_only", 1)]


async def test_signed_in_with_another_email(bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    """The link tells who it is: the registered address counts, the account's is written nowhere."""
    plan = stage.webinar("Webinar", start=YESTERDAY)
    plan.register(kim)
    plan.hold().come(kim, 0, 40, email="private@home.example", participant_user_id="another-account")
    async with bench(stage.world()) as b:
        await b.sync()
        assert (lines(b, KIM), in_brevo(b, KIM)) == ([("attended", 40, 1)], ("attended", {CAME, SIGNED_UP}))
        assert in_brevo(b, "private@home.example") is None


async def test_changed_email(bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    """The registration's address was corrected: the new one is registered, the old one leaves the list."""
    with_, registrant = registered(stage, kim)
    async with bench(with_(registrant)) as b:
        await b.sync()
        b.zoom.world = with_(replace(registrant, email="kim.new@mail.example"))
        b.clock.forward(hours=1)
        await b.sync()
        assert (lines(b, KIM), lines(b, "kim.new@mail.example")) == ([], [("registered", 0, 0)])
        assert in_brevo(b, "kim.new@mail.example") == ("registered", {SIGNED_UP})
        contact = in_brevo(b, KIM)
        assert contact is not None
        assert contact[1] == set()


# --- being there ---


async def came(bench: Callable[..., Any], stage: Stage, kim: Any, *stays: tuple[float, float]) -> Any:
    plan = stage.webinar("Webinar", start=YESTERDAY)
    plan.register(kim)
    held = plan.hold()
    for first, last in stays:
        held.come(kim, first, last)
    async with bench(stage.world()) as b:
        await b.sync()
        return lines(b, KIM), in_brevo(b, KIM)


async def test_rejoined(bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    """0–20 and 30–50 are 40 minutes in two joins."""
    assert await came(bench, stage, kim, (0, 20), (30, 50)) == ([("attended", 40, 2)], ("attended", {CAME, SIGNED_UP}))


async def test_two_devices(bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    """0–40 and 10–50 at once are 50 minutes, not 80."""
    assert await came(bench, stage, kim, (0, 40), (10, 50)) == ([("attended", 50, 2)], ("attended", {CAME, SIGNED_UP}))


async def test_restarted(bench: Callable[..., Any], stage: Stage, kim: Any) -> None:
    """The host restarted after six minutes: one webinar, 10 + 20 minutes."""
    plan = stage.webinar("Webinar", start=YESTERDAY)
    plan.register(kim)
    first = plan.hold(minutes=25)
    first.come(kim, 0, 10)
    plan.hold(start=first.end + timedelta(minutes=6), minutes=30).come(kim, 0, 20)
    async with bench(stage.world()) as b:
        await b.sync()
        assert (lines(b, KIM), in_brevo(b, KIM)) == ([("attended", 30, 2)], ("attended", {CAME, SIGNED_UP}))


async def test_shared_computer(bench: Callable[..., Any], stage: Stage) -> None:
    """Two links from one signed-in computer: each row is whose link it was, whatever address it shows."""
    one, other = (stage.names.person(email=email, phone="", zoom_id="pc-account") for email in (KIM, LEE))
    plan = stage.webinar("Webinar", start=YESTERDAY)
    for person in (one, other):
        plan.register(person)
    held = plan.hold()
    held.come(one, 0, 20)
    held.come(other, 25, 60, email=KIM)
    async with bench(stage.world()) as b:
        await b.sync()
        assert (lines(b, KIM), lines(b, LEE)) == ([("attended", 20, 1)], [("attended", 35, 1)])


async def test_guest_without_email(bench: Callable[..., Any], stage: Stage, kim: Any, lee: Any) -> None:
    """Counted and in review, never an error; nothing about them is written."""
    held = stage.meeting("Meeting", start=YESTERDAY).hold()
    held.come(kim, 0, 30)
    held.come(lee, 0, 30, email="", name="iPhone")
    held.come(lee, 40, 50, email="", name="iPhone")
    async with bench(stage.world()) as b:
        summary = await b.sync()
        assert (summary["in_review"], summary["letters_arisen"], summary["refused"]) == (1, 0, 0)
        assert in_review(b) == [("name_only", 2)]
        assert set(b.brevo.contacts) == {KIM}


async def test_registrant_who_could_be_a_guest(bench: Callable[..., Any], stage: Stage, kim: Any, lee: Any) -> None:
    """Zoom names no registrant in its rows, and a guest was there: nobody says that Lee was not."""
    plan = stage.webinar("Webinar", start=YESTERDAY)
    for person in (kim, lee):
        plan.register(person)
    held = plan.hold()
    held.come(kim, 0, 30, registrant_id="")
    held.come(lee, 0, 30, registrant_id="", email="", name="iPhone")
    async with bench(stage.world()) as b:
        await b.sync()
        assert (lines(b, LEE), in_brevo(b, LEE)) == ([("unknown", 0, 0)], ("unknown", {SIGNED_UP}))


async def test_host_and_panelist(bench: Callable[..., Any], stage: Stage, kim: Any, lee: Any) -> None:
    """On the roster, left out, and nothing about them is written."""
    plan = stage.webinar("Webinar", start=YESTERDAY)
    plan.register(kim)
    plan.panelist(lee)
    held = plan.hold()
    held.come(kim, 0, 30)
    held.come(lee, 0, 60, staff=True)
    async with bench(stage.world()) as b:
        summary = await b.sync()
        assert summary["excluded"] == 2
        assert [each.entry.excluded for each in b.database.read_now(rosters.lines_of, LEE)] == ["panelist"]
        assert set(b.brevo.contacts) == {KIM}


async def test_practice_session(bench: Callable[..., Any], stage: Stage, kim: Any, lee: Any) -> None:
    """The day before, with one registrant: they attended it, and nobody was absent from it."""
    plan = stage.webinar("Webinar", start=YESTERDAY)
    for person in (kim, lee):
        plan.register(person)
    plan.hold(date=plan.date(YESTERDAY - DAY, rehearsal=True), minutes=25).come(kim, 5, 15)
    plan.hold().come(lee, 0, 30)
    async with bench(stage.world()) as b:
        await b.sync()
        assert lines(b, KIM) == [("attended", 10, 1), ("no_show", 0, 0)]
        assert lines(b, LEE) == [("attended", 30, 1)]
        assert in_brevo(b, KIM) == ("no_show", {CAME, SIGNED_UP})


async def test_waiting_room(bench: Callable[..., Any], stage: Stage, kim: Any, lee: Any) -> None:
    """Who was never let in was not there."""
    plan = stage.meeting("Meeting", start=YESTERDAY, approval_type=0)
    for person in (kim, lee):
        plan.register(person)
    held = plan.hold()
    held.come(kim, 0, 30, status="in_waiting_room")
    held.come(lee, 0, 30)
    async with bench(stage.world()) as b:
        await b.sync()
        assert (lines(b, KIM), lines(b, LEE)) == ([("no_show", 0, 0)], [("attended", 30, 1)])


async def test_late_report(bench: Callable[..., Any], stage: Stage, kim: Any, lee: Any) -> None:
    """Half of the rows, without durations, are no report: nobody is absent until the whole one is there."""
    plan = stage.webinar("Webinar", start=NOW - timedelta(minutes=70), minutes=60)
    for person in (kim, lee):
        plan.register(person)
    held = plan.hold()
    held.come(kim, 0, 60)
    held.come(lee, 1, 55)
    switches = {"report_settling": timedelta(hours=1)}
    async with bench(stage.world(), zoom=switches) as b:
        await b.sync()
        assert {outcome for email in (KIM, LEE) for outcome, *_ in lines(b, email)} == {"registered"}
        b.clock.forward(hours=2, minutes=30)
        await b.sync()
        assert [lines(b, email)[0][:2] for email in (KIM, LEE)] == [("attended", 60), ("attended", 54)]
        assert in_brevo(b, LEE) == ("attended", {CAME, SIGNED_UP})


@pytest.mark.parametrize("page", PAGES)
def test_the_page_has_these_cases_and_no_others(page: str) -> None:
    rows = re.findall(r"(?m)^\| `([\w-]+)` \|", (ROOT / page).read_text(encoding="utf-8"))
    tests = [name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")]
    assert sorted(rows) == sorted(set(tests) - {"the-page-has-these-cases-and-no-others"})
