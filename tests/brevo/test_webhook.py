"""What Brevo's webhooks tell, in every spelling that was seen, and whatever else comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.brevo.webhook import MARKETING, TRANSACTIONAL, Joined, Told, read
from tajo.core.suppression import Reason, Source, Suppression
from tajo.simulators.brevo.webhooks import EVENTS

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
KIM = "kim@mail.example"


def told(*events: Any) -> Told:
    body = events[0] if len(events) == 1 else list(events)
    return read(json.dumps(body).encode(), NOW)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("unsubscribed", Reason.UNSUBSCRIBED),
        ("unsubscribe", Reason.UNSUBSCRIBED),
        ("hardBounce", Reason.HARD_BOUNCE),
        ("hard_bounce", Reason.HARD_BOUNCE),
        ("hard_bounced", Reason.HARD_BOUNCE),
        ("invalid", Reason.HARD_BOUNCE),
        ("invalid_email", Reason.HARD_BOUNCE),
        ("spam", Reason.COMPLAINT),
        ("complaint", Reason.COMPLAINT),
        ("blocked", Reason.BLOCKED),
    ],
)
def test_every_spelling_of_an_opt_out(event: str, reason: Reason) -> None:
    found = told({"event": event, "email": " Kim@Mail.example"})
    (one,) = found.suppressions
    assert (one.email, one.reason, one.source, one.at) == (KIM, reason, Source.WEBHOOK, NOW)
    assert (found.others, found.unreadable) == (0, 0)


@pytest.mark.parametrize("event", ["delivered", "opened", "soft_bounce", "soft_bounced", "contact_updated", "new_one"])
def test_what_is_nothing_to_us_is_counted(event: str) -> None:
    assert told({"event": event, "email": KIM}) == Told(others=1)


def test_the_documented_payloads() -> None:
    """A campaign's unsubscription, one of a transactional mail, and a list that somebody joined."""
    campaign = {
        "id": 7287,
        "event": "unsubscribed",
        "email": KIM,
        "camp_id": 21,
        "campaign name": "May",
        "list_id": [3, 42],
    }
    mail = {
        "event": "unsubscribed",
        "email": KIM,
        "message-id": "<1@x>",
        "ts_epoch": 1763976600000,
        "date": "2026-01-09",
    }
    joined = {"id": 1, "event": "list_addition", "email": KIM, "key": "…", "list_id": [34], "api_key_name": ""}
    found = told(campaign, mail, joined)
    assert [each.evidence for each in found.suppressions] == [
        "marketing webhook: unsubscribe, campaign 21",
        "transactional webhook: unsubscribe",
    ]
    assert [each.at for each in found.suppressions] == [NOW, datetime.fromtimestamp(1763976600, UTC)]
    assert found.joined == (Joined(KIM, frozenset({34})),)


def test_what_a_program_did_to_a_list_is_no_click() -> None:
    event = {"event": "list_addition", "email": KIM, "list_id": 34}
    assert told(event | {"api_key_name": "my-key"}) == Told(others=1)
    assert told(event).joined == (Joined(KIM, frozenset({34})),)


@pytest.mark.parametrize(
    "event", [{"event": "spam"}, {"event": "spam", "email": 5}, {"email": KIM}, {"event": None}, 7, [], "x"]
)
def test_what_is_in_no_known_shape_is_counted_and_the_rest_read(event: Any) -> None:
    found = read(json.dumps([event, {"event": "spam", "email": KIM}]).encode(), NOW)
    assert (len(found.suppressions), found.unreadable) == (1, 1)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_unreadable(body: bytes) -> None:
    assert read(body, NOW) == Told(unreadable=1)


def test_a_time_to_come_is_not_believed() -> None:
    (one,) = told({"event": "spam", "email": KIM, "ts_epoch": 3_900_000_000_000}).suppressions
    assert one.at == NOW


def test_every_event_that_is_registered_exists_and_is_understood() -> None:
    assert set(MARKETING) <= set(EVENTS["marketing"])
    assert set(TRANSACTIONAL) <= set(EVENTS["transactional"])
    for event in {*MARKETING, *TRANSACTIONAL}:
        found = told({"event": event, "email": KIM, "list_id": [1]})
        assert found.suppressions or found.joined


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["event", "email", "list_id", "ts_epoch", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
EVENT = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["spam", "blocked", "list_addition", "unsubscribed"]) | JSON,
        "email": st.just(KIM) | JSON,
    },
    optional={"list_id": JSON, "ts_epoch": JSON, "camp_id": JSON, "api_key_name": JSON},
)


@given(st.lists(EVENT | JSON, max_size=5) | JSON)
def test_whatever_comes_is_counted_once_and_breaks_nothing(value: Any) -> None:
    found = read(json.dumps(value).encode(), NOW)
    count = len(value) if isinstance(value, list) else 1
    assert len(found.suppressions) + len(found.joined) + found.others + found.unreadable == count
    assert all(isinstance(each, Suppression) and "@" in each.email for each in found.suppressions)
