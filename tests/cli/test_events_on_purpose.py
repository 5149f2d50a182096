"""`tajo sync --with-events`: events go out on purpose, after their count was shown, each once."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any


def names(here: Any) -> Counter[str]:
    return Counter(event.name for event in here.brevo.events)


def test_a_sync_sends_no_events_unless_told_to(desk: Any) -> None:
    here = desk()
    assert here.tajo("sync", "zoom").code == 0
    assert not here.brevo.events


def test_events_are_counted_first_and_sent_once(desk: Any) -> None:
    """One attendee, one no-show and one registrant of a coming webinar, and a guest of a meeting."""
    here = desk()
    ran = here.tajo("sync", "zoom", "--with-events", "--no-input", "--json")
    assert ran.code == 0, ran.err
    assert "Brevo events to send: " in ran.err
    sent = names(here)
    assert sent["zoom_webinar_attended"] == sent["zoom_webinar_no_show"] == sent["zoom_webinar_registered"] == 1
    assert sent["zoom_meeting_attended"] == 1
    assert json.loads(ran.out)["events"]["sent"] == sum(sent.values())
    again = here.tajo("sync", "zoom", "--with-events", "--no-input")
    assert "none left" in again.err
    assert names(here) == sent


def test_an_event_without_an_answer_is_parked_and_never_repeated(desk: Any) -> None:
    """The call went out and nobody knows what became of it: counted as unanswered, not sent again."""
    from tajo.simulators.faults import Fault

    here = desk()
    here.brevo.faults.order(Fault.reset_after(), "POST /events", times=1)
    ran = here.tajo("sync", "zoom", "--with-events", "--no-input", "--json")
    told = json.loads(ran.out)["events"]
    assert told["ambiguous"] == 1
    assert len(here.brevo.events) == told["sent"] + 1
    here.tajo("sync", "zoom", "--with-events", "--no-input")
    assert len(here.brevo.events) == told["sent"] + 1
