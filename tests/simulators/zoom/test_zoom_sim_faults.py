from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from tajo.simulators.faults import Fault
from tajo.simulators.serve import serve


@contextmanager
def over_a_socket(zoom: Any) -> Iterator[httpx2.Client]:
    token = zoom.grant().json()["access_token"]
    with (
        serve(zoom.simulator.app) as address,
        httpx2.Client(base_url=f"{address}/v2", headers={"authorization": f"Bearer {token}"}) as client,
    ):
        yield client


def test_an_ordered_answer_comes_once_and_all_is_well_again(zoom: Any) -> None:
    zoom.simulator.faults.order(Fault.respond(503, b"", headers={"retry-after": "2"}), "GET /users")
    zoom.simulator.calls.clear()
    first = zoom.get("/users")
    assert (first.status_code, first.headers["retry-after"]) == (503, "2")
    assert zoom.get("/users").status_code == 200
    calls = zoom.simulator.calls.select(prefix="/users")
    assert [(call.status, call.label) for call in calls] == [(503, "Medium"), (200, "Medium")]


def test_orders_match_by_beginning_or_pattern_and_may_start_later(zoom: Any) -> None:
    zoom.grant()
    later = zoom.simulator.faults.order(Fault.html(502), re.compile(r"/users\?page_size=7$"), times=2, after=1)
    statuses = [zoom.get("/users", page_size=7).status_code for _ in range(4)]
    assert statuses == [200, 502, 502, 200]
    assert (later.seen, later.used) == (3, 2)
    assert zoom.get("/users").status_code == 200


def test_html_and_half_json_are_not_json(zoom: Any) -> None:
    zoom.simulator.faults.order(Fault.html(), "GET /users")
    page = zoom.get("/users")
    assert page.headers["content-type"].startswith("text/html")
    zoom.simulator.faults.order(Fault.truncated(), "GET /users")
    half = zoom.get("/users")
    assert half.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        half.json()


def test_an_answer_may_be_slow(zoom: Any) -> None:
    zoom.grant()
    zoom.simulator.faults.order(Fault.slow(0.05), "GET /users")
    begin = time.perf_counter()
    assert zoom.get("/users").status_code == 200
    assert time.perf_counter() - begin >= 0.05


def test_in_process_a_broken_connection_is_an_error_before_or_after_the_work(zoom: Any) -> None:
    for fault, answered in ((Fault.reset_before(), [0]), (Fault.reset_after(), [200])):
        zoom.token = zoom.grant().json()["access_token"]
        zoom.simulator.calls.clear()
        zoom.simulator.faults.order(fault, "GET /users")
        with pytest.raises(ConnectionResetError):
            zoom.get("/users")
        assert [call.status for call in zoom.simulator.calls] == answered


def test_a_token_is_issued_though_the_answer_is_lost(zoom: Any) -> None:
    zoom.switch(token_mode="single")
    zoom.get("/users")
    zoom.simulator.faults.order(Fault.reset_after(), "POST /oauth/token")
    with pytest.raises(ConnectionResetError):
        zoom.grant()
    assert zoom.refusal("/users") == (401, 124)


@pytest.mark.parametrize("fault", [Fault.reset_before(), Fault.reset_after()], ids=["before", "after"])
def test_over_a_socket_the_connection_really_breaks(zoom: Any, fault: Fault) -> None:
    with over_a_socket(zoom) as client:
        zoom.simulator.faults.order(fault, "GET /users")
        with pytest.raises(httpx2.TransportError):
            client.get("/users")
        assert client.get("/users").status_code == 200


def test_over_a_socket_awkward_uuids_arrive_as_sent(zoom: Any, encoded: Any) -> None:
    uuid = next(i.uuid for _, i in zoom.simulator.world.instances() if i.uuid.startswith("/"))
    with over_a_socket(zoom) as client:
        assert client.get(f"/report/webinars/{encoded(uuid)}").json()["uuid"] == uuid


def test_it_answers_more_than_three_hundred_calls_a_second(zoom: Any) -> None:
    path = f"/users/{zoom.simulator.world.users[0].id}"
    with over_a_socket(zoom) as client:
        begin = time.perf_counter()
        assert all(client.get(path).status_code == 200 for _ in range(300))
        assert time.perf_counter() - begin < 1.0
