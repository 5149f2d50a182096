from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

PER_SECOND = "You have reached the maximum per-second rate limit for this API. Try again later."
HISTORY = {"from_": "2026-11-01", "to": "2026-11-20"}


@pytest.fixture
def limited(account: Callable[..., Any]) -> Callable[..., Any]:
    def make(plan: str = "pro", **switches: Any) -> Any:
        zoom = account(plan=plan)
        zoom.switch(rate_limits=True, **switches)
        return zoom

    return make


def good(zoom: Any, path: str, calls: int, **query: str) -> int:
    return sum(zoom.get(path, **query).status_code == 200 for _ in range(calls))


@pytest.mark.parametrize(
    ("plan", "light", "medium", "heavy"), [("free", 4, 2, 1), ("pro", 30, 20, 10), ("business", 80, 60, 40)]
)
def test_each_label_has_its_calls_a_second(limited: Any, plan: str, light: int, medium: int, heavy: int) -> None:
    zoom = limited(plan)
    user = zoom.simulator.world.users[0].id
    assert good(zoom, f"/users/{user}", light + 3) == light
    assert good(zoom, "/users", medium + 3) == medium
    refused = sum(zoom.get("/report/history_meetings", **HISTORY).status_code == 429 for _ in range(heavy + 3))
    assert refused == 3
    zoom.clock.forward(seconds=1)
    assert good(zoom, "/users", 1) == 1


def test_a_full_second_answers_429_with_its_body_and_headers(limited: Any) -> None:
    zoom = limited()
    good(zoom, "/users", 20)
    response = zoom.get("/users")
    assert (response.status_code, response.json()) == (429, {"code": 429, "message": PER_SECOND})
    headers = response.headers
    assert (headers["X-RateLimit-Category"], headers["X-RateLimit-Type"]) == ("Medium", "QPS")
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("20", "0")
    assert "Retry-After" not in headers


def test_good_answers_say_how_much_remains_unless_switched_off(limited: Any) -> None:
    zoom = limited()
    assert zoom.get("/users").headers["x-ratelimit-remaining"] == "19"
    zoom.switch(rate_headers=False)
    assert "x-ratelimit-remaining" not in zoom.get("/users").headers


@pytest.mark.parametrize(("window", "more"), [("fixed", 20), ("sliding", 0)])
def test_the_window_is_the_clocks_second_or_any_second(limited: Any, window: str, more: int) -> None:
    zoom = limited(window=window)
    zoom.clock.forward(milliseconds=900)
    assert good(zoom, "/users", 20) == 20
    zoom.clock.forward(milliseconds=200)
    assert good(zoom, "/users", 25) == more
    zoom.clock.forward(seconds=1)
    assert good(zoom, "/users", 25) == 20


def test_the_dashboard_lists_have_a_window_of_a_minute(limited: Any) -> None:
    zoom = limited("business")
    query = {**HISTORY, "type": "past"}
    assert good(zoom, "/metrics/meetings", 22, **query) == 20
    zoom.clock.forward(seconds=20)
    assert zoom.get("/metrics/meetings", **query).headers["x-ratelimit-type"] == "QPS"
    assert good(zoom, "/metrics/meetings", 1, **query) == 0
    zoom.clock.forward(seconds=40)
    assert good(zoom, "/metrics/meetings", 1, **query) == 1


def test_heavy_calls_share_a_budget_for_the_day(limited: Any) -> None:
    zoom = limited()
    zoom.simulator.limits.spend("Resource-intensive", 29_999)
    assert good(zoom, "/report/history_meetings", 2, **HISTORY) == 1
    response = zoom.get("/report/history_meetings", **HISTORY)
    assert response.status_code == 429
    assert "maximum daily rate limit" in response.json()["message"]
    assert response.headers["X-RateLimit-Type"] == "Daily-limit"
    assert response.headers["Retry-After"] == "2026-11-25T00:00:00Z"
    assert good(zoom, "/users", 1) == 1
    zoom.clock.now = zoom.clock.now.replace(hour=23, minute=59, second=59)
    zoom.token = ""
    assert good(zoom, "/report/history_meetings", 1, **HISTORY) == 0
    zoom.clock.forward(seconds=1)
    assert good(zoom, "/report/history_meetings", 1, **HISTORY) == 1


@pytest.mark.parametrize(
    ("form", "value"),
    [("seconds", "52201"), ("http_date", "Wed, 25 Nov 2026 00:00:00 GMT"), ("none", None)],
)
def test_retry_after_comes_in_other_forms_too(limited: Any, form: str, value: str | None) -> None:
    zoom = limited(daily_heavy_limit=0, retry_after=form)
    assert zoom.get("/report/history_meetings", **HISTORY).headers.get("Retry-After") == value


def test_every_answer_has_a_tracking_id(zoom: Any) -> None:
    zoom.switch(rate_limits=True)
    form = re.compile(r"v=2\.0;clid=us02;rid=WEB_[0-9a-f]{32}")
    answers = [zoom.get("/users"), zoom.get("/nothing"), zoom.grant(), zoom.send("GET", "/v2/users")]
    assert all(form.fullmatch(answer.headers["x-zm-trackingid"]) for answer in answers)
    assert len({answer.headers["x-zm-trackingid"] for answer in answers}) == 4


def test_the_record_of_calls_answers_how_fast_a_client_was(limited: Any) -> None:
    zoom = limited()
    begin = zoom.clock.now
    for _ in range(3):
        good(zoom, "/users", 5)
        zoom.clock.forward(milliseconds=500)
    calls = zoom.simulator.calls
    assert calls.count(label="Medium") == calls.count(prefix="/users") == 15
    assert calls.busiest(1.0, label="Medium") == 10
    assert calls.busiest(10.0, label="Medium") == 15
    assert calls.span(label="Medium") == (begin, begin + timedelta(seconds=1))
    assert calls.span(label="Heavy") is None
