"""Who is let in, unknown paths, ordered faults, and the record of calls."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import httpx2
import pytest

from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches
from tajo.simulators.faults import Fault
from tajo.simulators.serve import serve

if TYPE_CHECKING:
    from conftest import Api


def test_the_account_answers_to_its_key(api: Api) -> None:
    shown = api.get("/account")
    assert shown["relay"]["data"]["port"] == 587
    assert {plan["type"] for plan in shown["plan"]} == {"subscription", "sms"}


def test_a_missing_and_a_wrong_key_are_401_without_rate_headers(api: Api) -> None:
    api.headers = {}
    assert api("GET", "/account").json() == {
        "code": "unauthorized",
        "message": "authentication not found in headers",
    }
    api.headers = {"api-key": "xsmtpsib-other"}
    reply = api("GET", "/account")
    assert (reply.status_code, reply.json()) == (401, {"code": "unauthorized", "message": "Key not found"})
    assert "x-sib-ratelimit-limit" not in reply.headers


def test_expired_and_deactivated_keys_and_unknown_addresses_are_401_until_restored(
    api: Api, simulator: BrevoSimulator
) -> None:
    simulator.expire_key()
    assert api("GET", "/account").status_code == 401
    simulator.restore()
    simulator.deactivate()
    assert api("GET", "/account").status_code == 401
    simulator.restore()
    simulator.block_ip("198.51.100.7")
    message = api("GET", "/account").json()["message"]
    assert message.startswith("We have detected you are using an unrecognised IP address 198.51.100.7.")
    assert "authorised_ips" in message
    simulator.restore()
    api.get("/account")


def test_unknown_paths_are_404_and_wrong_methods_405(api: Api) -> None:
    assert api("GET", "/nothing/here").status_code == 404
    reply = api("POST", "/account", {})
    assert (reply.status_code, reply.json()) == (
        405,
        {"code": "method_not_allowed", "message": "POST Method is not allowed on this path"},
    )


def test_a_body_that_is_no_json_object_is_400(api: Api) -> None:
    assert api("POST", "/contacts", content=b"{").status_code == 400
    assert api("POST", "/contacts", []).status_code == 400
    assert api("POST", "/contacts").status_code == 400


def test_a_fault_before_the_work_leaves_nothing_behind(api: Api, simulator: BrevoSimulator) -> None:
    simulator.faults.order(Fault.html(502), match="POST /contacts")
    reply = api("POST", "/contacts", {"email": "ada@x.eu"})
    assert (reply.status_code, reply.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert (simulator.contacts, simulator.bodies) == ({}, [])
    assert simulator.calls[0].status == 502
    api.post("/contacts", {"email": "ada@x.eu"})


def test_a_fault_after_the_work_leaves_an_import_running(api: Api, simulator: BrevoSimulator) -> None:
    """A 524 of the edge: the call failed, the import was accepted."""
    simulator.faults_after.order(Fault.html(524), match="POST /contacts/import")
    body = {"jsonBody": [{"email": "ada@x.eu"}], "listIds": [2]}
    assert api("POST", "/contacts/import", body).status_code == 524
    api.clock.forward(2)
    assert "ada@x.eu" in simulator.contacts
    assert simulator.bodies == [("POST", "/contacts/import", body)]
    api.post("/contacts/import", body, status=202)


def test_a_fault_after_the_work_waits_for_a_call_that_works(api: Api, simulator: BrevoSimulator) -> None:
    simulator.faults_after.order(Fault.respond(500, b'{"message":"Internal error"}'), match="POST /contacts")
    api.post("/contacts", {"email": "nonsense"}, status=400)
    api.post("/contacts", {"email": "ada@x.eu"}, status=500)
    assert "ada@x.eu" in simulator.contacts


def test_a_connection_may_break_after_the_work(api: Api, simulator: BrevoSimulator) -> None:
    simulator.faults.order(Fault.reset_after(), match="POST /contacts")
    with pytest.raises(ConnectionResetError):
        api("POST", "/contacts", {"email": "ada@x.eu"})
    assert "ada@x.eu" in simulator.contacts
    assert (simulator.calls[0].status, simulator.calls[0].label) == (0, "contacts")


def test_calls_are_recorded_with_path_and_bucket(api: Api, simulator: BrevoSimulator) -> None:
    api.get("/contacts/lists", limit=5)
    api("GET", "/contacts/ada%40x.eu")
    first, second = simulator.calls
    assert (first.method, first.path, first.query, first.status, first.label) == (
        "GET",
        "/contacts/lists",
        "limit=5",
        200,
        "contacts",
    )
    assert (second.path, second.status) == ("/contacts/ada%40x.eu", 404)
    assert simulator.calls.count(prefix="/contacts/lists") == 1


def test_latency_is_waited_in_real_time() -> None:
    async def call(simulator: BrevoSimulator) -> float:
        transport = httpx2.ASGITransport(app=simulator.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://brevo.test/v3") as client:
            start = time.perf_counter()
            await client.get("/account")
            return time.perf_counter() - start

    assert asyncio.run(call(BrevoSimulator(latency_s=0.05))) >= 0.05


def test_other_calls_go_on_while_a_large_import_is_written() -> None:
    """50,000 rows take about a second; a call beside them waits for a slice of 500, some 10 ms, and gets 500 here."""
    simulator = BrevoSimulator(switches=BrevoSwitches(import_queued_s=0, import_working_s=0, rate_limits="off"))
    rows = [{"email": f"c{n}@x.eu"} for n in range(50_000)]
    headers = {"api-key": "xkeysib-test-key"}
    with serve(simulator.app) as url, httpx2.Client(base_url=f"{url}/v3", headers=headers, timeout=60) as client:
        assert client.post("/contacts/import", json={"jsonBody": rows, "listIds": [2]}).status_code == 202
        settling = threading.Thread(target=simulator.account.settle)
        settling.start()
        waits = []
        while settling.is_alive():
            start = time.perf_counter()
            with simulator.account.lock:
                waits.append(time.perf_counter() - start)
            time.sleep(0.005)
        settling.join()
        assert client.get("/processes/1").json()["status"] == "completed"
    assert len(simulator.contacts) == 50_000
    assert max(waits) < 0.5
