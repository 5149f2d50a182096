from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tajo.simulators.faults import Fault
from tajo.simulators.world import webinar


@pytest.fixture
def big(account: Callable[..., Any], world: Any) -> tuple[Any, str]:
    """A webinar with 700 rows, and the path of its participants."""
    zoom = account(webinar(3, now=world.now, registrants=500, attendees=400, rows=700))
    (session,) = zoom.simulator.world.sessions.values()
    return zoom, f"/report/webinars/{session.id}/participants"


def test_pages_follow_one_another_to_the_empty_token(big: Any) -> None:
    zoom, path = big
    rows = zoom.all(path, "participants", page_size=300)
    assert len({row["user_id"] for row in rows}) == len(rows) == 700
    first = zoom.json(path, page_size=300)
    assert (first["page_count"], first["page_size"], first["total_records"]) == (3, 300, 700)


def test_thirty_unless_asked_and_three_hundred_at_most(big: Any) -> None:
    zoom, path = big
    assert len(zoom.json(path)["participants"]) == 30
    assert zoom.json(path, page_size=1000)["page_size"] == 300
    zoom.switch(page_size="error")
    assert zoom.refusal(path, page_size=301) == (400, 300)
    assert zoom.refusal(path, page_size="many") == (400, 300)


def test_a_token_belongs_to_its_query_and_lives_fifteen_minutes(big: Any) -> None:
    zoom, path = big
    token = zoom.json(path, page_size=50)["next_page_token"]
    assert zoom.refusal(path, page_size=60, next_page_token=token) == (400, 300)
    assert zoom.refusal(path, page_size=50, include_fields="registrant_id", next_page_token=token) == (400, 300)
    zoom.clock.forward(minutes=14, seconds=59)
    assert zoom.get(path, page_size=50, next_page_token=token).status_code == 200
    zoom.clock.forward(seconds=1)
    response = zoom.get(path, page_size=50, next_page_token=token)
    assert response.json() == {"code": 300, "message": "The next page token is invalid or expired."}


def test_later_pages_may_lack_the_counts(big: Any) -> None:
    zoom, path = big
    zoom.switch(omit_counts_on_later_pages=True)
    first = zoom.json(path, page_size=300)
    later = zoom.json(path, page_size=300, next_page_token=first["next_page_token"])
    assert "total_records" in first
    assert not {"total_records", "page_count"} & set(later)


def test_rows_may_move_between_pages(big: Any) -> None:
    zoom, path = big
    zoom.switch(page_drift=True)
    rows = [row["user_id"] for row in zoom.all(path, "participants", page_size=300)]
    assert len(set(rows)) == 700
    assert len(rows) == 702


def test_a_page_token_may_come_back_again_and_again(big: Any) -> None:
    zoom, path = big
    zoom.simulator.faults.order(Fault.repeat_page_token(), "GET /report/", times=None)
    token = zoom.json(path)["next_page_token"]
    assert zoom.json(path, next_page_token=token)["next_page_token"] == token


def test_pages_may_never_end(big: Any) -> None:
    zoom, path = big
    zoom.simulator.faults.order(Fault.endless_pages(), "GET /report/", times=None)
    tokens, token = [], ""
    for _ in range(7):
        token = zoom.json(path, page_size=300, next_page_token=token)["next_page_token"]
        tokens.append(token)
    assert "" not in tokens
    assert len(set(tokens)) == 7


def test_some_lists_still_know_page_numbers(zoom: Any) -> None:
    session = zoom.session("봄 웨비나")
    path = f"/webinars/{session.id}/registrants"
    second = zoom.json(path, page_size=10, page_number=2)
    everybody = zoom.all(path, "registrants", page_size=300)
    assert second["page_number"] == 2
    assert second["registrants"] == everybody[10:20]
    assert zoom.json("/users", page_size=2000)["page_size"] == 300
    zoom.switch(users_page_max=2000)
    assert zoom.json("/users", page_size=2000)["page_size"] == 2000
