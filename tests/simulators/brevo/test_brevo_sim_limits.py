"""Rate limits: buckets, windows, headers and the 429."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches
from tajo.simulators.brevo.rates import LIMITS, RateLimiter, bucket_of

if TYPE_CHECKING:
    from conftest import Api

USUAL = BrevoSwitches()
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "bucket"),
    [
        ("POST /smtp/email", "smtp_email"),
        ("GET /smtp/blockedContacts", "smtp_email"),
        ("DELETE /smtp/blockedContacts/a%40x.eu", "smtp"),
        ("GET /smtp/emails", "smtp_emails"),
        ("GET /smtp/templates", "smtp"),
        ("GET /contacts/a%40x.eu", "contacts"),
        ("POST /contacts/lists/2/contacts/add", "contacts"),
        ("POST /events", "events"),
        ("GET /account", "other"),
        ("GET /webhooks", "other"),
        ("POST /emailCampaigns", "other"),
    ],
)
def test_a_call_is_in_the_bucket_of_its_row(line: str, bucket: str) -> None:
    method, path = line.split(" ")
    assert bucket_of(method, path, USUAL) == bucket


@pytest.mark.parametrize(
    ("line", "usual", "tight", "loose"),
    [
        ("GET /contacts", "contacts", "other", "contacts"),
        ("POST /contacts", "contacts", "other", "contacts"),
        ("POST /contacts/import", "contacts", "other", "contacts"),
        ("POST /events/batch", "other", "other", "events"),
        ("GET /events", "other", "other", "events"),
        ("GET /processes/7", "other", "other", "contacts"),
        ("GET /processes", "other", "other", "contacts"),
    ],
)
def test_doubtful_routes_have_two_readings(line: str, usual: str, tight: str, loose: str) -> None:
    method, path = line.split(" ")
    readings = (USUAL, BrevoSwitches.tightest(), BrevoSwitches.loosest())
    assert tuple(bucket_of(method, path, switches) for switches in readings) == (usual, tight, loose)


def test_the_eleventh_contact_call_of_a_second_is_refused(api: Api, simulator: BrevoSimulator) -> None:
    statuses = [api("GET", "/contacts/lists").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]
    api.clock.forward(0.999)
    assert api("GET", "/contacts/lists").status_code == 429
    api.clock.forward(0.001)
    assert api("GET", "/contacts/lists").status_code == 200
    assert simulator.calls.count(label="contacts", status=429) == 2


def test_the_hundred_and_first_other_call_of_an_hour_is_refused(api: Api) -> None:
    """36 s apart the hundred calls are all within the hour; one is free again when the first is an hour old."""
    for _ in range(100):
        assert api("GET", "/account").status_code == 200
        api.clock.forward(35)
    refused = api("GET", "/account")
    assert (refused.status_code, refused.headers["x-sib-ratelimit-reset"]) == (429, "100")
    api.clock.forward(100)
    assert api("GET", "/account").status_code == 200
    assert api("GET", "/account").status_code == 429


@pytest.mark.parametrize(("tier", "per_hour"), [("general", 100), ("advanced", 200), ("extended", 600)])
def test_the_tier_sets_the_limits(tier: Any, per_hour: int) -> None:
    limiter = RateLimiter(tier)
    passed = sum(limiter.admit("other", NOON, USUAL).passes for _ in range(700))
    assert passed == per_hour == LIMITS[limiter.tier]["other"].per_hour


def headers_of(reply: Any) -> tuple[str | None, ...]:
    return tuple(reply.headers.get(f"x-sib-ratelimit-{name}") for name in ("limit", "remaining", "reset"))


def test_headers_describe_the_hour_or_the_second(api: Api, simulator: BrevoSimulator) -> None:
    assert headers_of(api("GET", "/contacts/lists")) == ("36000", "35999", "3600")
    simulator.switches = BrevoSwitches(rate_window="second")
    assert headers_of(api("GET", "/contacts/lists")) == ("10", "8", "1")
    assert headers_of(api("GET", "/account")) == ("100", "99", "3600")  # no limit per second there
    simulator.switches = BrevoSwitches(rate_headers="off")
    assert headers_of(api("GET", "/contacts/lists")) == (None, None, None)


@pytest.mark.parametrize(("reading", "headers"), [("exceeded", ("10", "0", "1")), ("same", ("36000", "35990", "3600"))])
def test_a_refusal_shows_the_full_window_or_the_usual_one(
    api: Api, simulator: BrevoSimulator, reading: Any, headers: tuple[str, ...]
) -> None:
    simulator.switches = BrevoSwitches(rate_window_of_429=reading)
    replies = [api("GET", "/contacts/lists") for _ in range(11)]
    assert headers_of(replies[-1]) == headers
    assert "retry-after" not in replies[-1].headers


def test_the_body_of_a_refusal_is_json_or_text(api: Api, simulator: BrevoSimulator) -> None:
    for _ in range(10):
        api("GET", "/contacts/lists")
    assert api("GET", "/contacts/lists").json()["code"] == "too_many_requests"
    simulator.switches = BrevoSwitches(body_of_429="text")
    assert api("GET", "/contacts/lists").text == "Too Many Requests"
    simulator.switches = BrevoSwitches(rate_limits="off")
    assert api("GET", "/contacts/lists").status_code == 200


def test_a_refused_write_changes_nothing(api: Api, simulator: BrevoSimulator) -> None:
    for _ in range(10):
        api("GET", "/contacts/lists")
    assert api("POST", "/contacts", {"email": "ada@x.eu"}).status_code == 429
    assert (simulator.contacts, simulator.bodies) == ({}, [])


@given(st.lists(st.integers(0, 400), max_size=80))
def test_no_window_ever_holds_more_than_its_limit(gaps_ms: list[int]) -> None:
    limiter, now, passed = RateLimiter("general"), NOON, []
    for gap in gaps_ms:
        now += timedelta(milliseconds=gap)
        if limiter.admit("contacts", now, USUAL).passes:
            passed.append(now)
    for start in passed:
        assert sum(start <= at < start + timedelta(seconds=1) for at in passed) <= 10
