"""Brevo events while Brevo does not answer: what was under way is in doubt, and everything else is told later, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tajo.core.announce import Announcement
from tajo.core.errors import TransientError
from tajo.core.facts import Kind, Registration, Status
from tajo.core.suppression import Reason, Source, Suppression
from tajo.simulators.faults import Fault
from tajo.store import effects, facts, suppressions
from tajo.workflows.announcing import announce

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def wanted(count: int) -> list[Announcement]:
    return [
        Announcement(f"event:registered:x:p{number}", "zoom_webinar_registered", f"p{number}@x.example", NOW, {})
        for number in range(count)
    ]


@pytest.mark.parametrize(("count", "in_one_call"), [(450, 200), (4, 1)])
async def test_an_outage_leaves_one_call_in_doubt(bench: Callable[..., Any], count: int, in_one_call: int) -> None:
    """450 in three calls, or 4 in four; the first is answered with 503, and so is everything after it."""
    async with bench() as it:
        it.brevo.faults.order(Fault.respond(503), times=None)
        with pytest.raises(TransientError):
            await announce(it.services, wanted(count))
        assert it.database.read_now(effects.counts, "event") == {"ambiguous": in_one_call}
        it.brevo.faults.clear()
        report = await announce(it.services, wanted(count))
        assert (report.sent, report.known) == (count - in_one_call, in_one_call)
        told = Counter(event.identifiers["email_id"] for event in it.brevo.events)
        assert set(told.values()) == {1}
        assert len(told) == count - in_one_call


async def test_a_single_silence_stops_nothing(bench: Callable[..., Any]) -> None:
    """The first of four events gets no answer, though it happened; Brevo is there, so the others are told."""
    async with bench() as it:
        it.brevo.faults.order(Fault.reset_after(), "POST /events", times=1)
        report = await announce(it.services, wanted(4))
        assert (report.sent, report.ambiguous) == (3, 1)
        assert len(it.brevo.events) == 4


async def test_about_who_opted_out_or_has_not_agreed_nothing_is_told(bench: Callable[..., Any]) -> None:
    """An event starts an automation, which writes to them; the operator is nobody's registrant."""
    consent = {"consent": {"question": "News?"}, "events": {"operator": "p3@x.example"}}
    yes = Registration("r", "p0@x.example", Status.APPROVED, NOW, answers=(("News?", "yes"),))
    async with bench(settings=consent) as it:
        for n in range(2):
            mine = replace(yes, registrant_id=f"r{n}", email=f"p{n}@x.example")
            it.database.write_now(facts.save_registrations, Kind.WEBINAR, "9", [mine])
        out = Suppression("p1@x.example", Reason.COMPLAINT, Source.WEBHOOK, NOW)
        it.database.write_now(suppressions.add, [out])
        report = await announce(it.services, wanted(4))
        assert (report.sent, report.withheld, report.known) == (2, 2, 0)
        assert [event.identifiers["email_id"] for event in it.brevo.events] == ["p0@x.example", "p3@x.example"]
        late = replace(yes, registrant_id="r2", email="p2@x.example")
        it.database.write_now(facts.save_registrations, Kind.WEBINAR, "9", [late])
        report = await announce(it.services, wanted(4))
        assert (report.sent, report.withheld, report.known) == (1, 1, 2)
