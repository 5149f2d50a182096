"""Webhooks: their registration and what they would be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tajo.simulators.brevo import BrevoSimulator

if TYPE_CHECKING:
    from conftest import Api

URL = "https://me.example/brevo"
MARKETING = ["unsubscribed", "hardBounce", "spam", "contactUpdated", "contactDeleted", "listAddition"]


def hook(**more: Any) -> dict[str, Any]:
    return {"url": URL, "type": "marketing", "events": MARKETING, **more}


def test_webhooks_are_transactional_unless_said_otherwise(api: Api) -> None:
    api.post("/webhooks", hook())
    api.post("/webhooks", {"url": URL, "events": ["delivered"]})
    assert [item["id"] for item in api.get("/webhooks")["webhooks"]] == [2]
    assert [item["id"] for item in api.get("/webhooks", type="marketing")["webhooks"]] == [1]


@pytest.mark.parametrize(
    "body",
    [
        hook(url=None),
        hook(url="me.example"),
        hook(events=[]),
        hook(events=["delivered", "lost"]),
        hook(type="transactional"),
        hook(type="other"),
        hook(auth={"token": "x"}),
    ],
)
def test_incomplete_registrations_are_refused(api: Api, body: dict[str, Any]) -> None:
    api.post("/webhooks", body, status=400)


def test_there_are_forty_at_most(api: Api, simulator: BrevoSimulator) -> None:
    for _ in range(40):
        api.post("/webhooks", hook())
    api.post("/webhooks", hook(), status=400)
    api.put("/webhooks/1", {"description": "mine", "events": ["unsubscribed"]})
    shown = api.get("/webhooks/1")
    assert (shown["description"], shown["events"]) == ("mine", ["unsubscribed"])
    api.delete("/webhooks/1")
    assert api("GET", "/webhooks/1").status_code == 404
    api.post("/webhooks", hook())


def test_an_unsubscription_is_delivered_with_the_registered_headers(api: Api, simulator: BrevoSimulator) -> None:
    auth = {"type": "bearer", "token": "secret"}
    api.post("/webhooks", hook(auth=auth, headers=[{"key": "x-tenant", "value": "7"}]))
    simulator.add_contact("ada@x.eu", list_ids=[2])
    simulator.unsubscribe("Ada@x.eu", list_ids=[2], campaign_id=21)
    (delivery,) = simulator.pending_webhooks(URL)
    assert delivery.headers == {"authorization": "Bearer secret", "x-tenant": "7"}
    assert delivery.payload == {
        "id": 1,
        "event": "unsubscribed",
        "email": "ada@x.eu",
        "camp_id": 21,
        "campaign name": "Newsletter",
        "list_id": [2],
        "date_sent": "2026-11-24 00:00:00",
        "date_event": "2026-11-24 00:00:00",
        "ts_sent": 1795521600,
        "ts_event": 1795521600,
        "ts": 1795521600,
        "tag": "",
        "sending_ip": "192.0.2.1",
    }
    assert simulator.pending_webhooks("https://other.example") == []
    assert simulator.take_webhooks() == [delivery]
    assert simulator.pending_webhooks() == []


def test_changes_name_the_key_that_made_them(api: Api, simulator: BrevoSimulator) -> None:
    api.post("/webhooks", hook())
    simulator.add_contact("ada@x.eu")
    api.put("/contacts/ada%40x.eu", {"attributes": {"FIRSTNAME": "Ada", "EMAIL": "ada@y.eu"}, "listIds": [2]})
    simulator.edit_contact("ada@y.eu", {"FIRSTNAME": "Augusta"})
    addition, ours, theirs = [delivery.payload for delivery in simulator.take_webhooks()]
    assert (addition["event"], addition["list_id"]) == ("list_addition", [2])
    assert (ours["event"], ours["api_key_name"], theirs["api_key_name"]) == ("contact_updated", "my-key", "")
    assert ours["content"] == [{"name": "FIRSTNAME", "value": "Ada"}, {"name": "EMAIL", "value": "ada@y.eu"}]


def test_deletions_tell_address_and_lists(api: Api, simulator: BrevoSimulator) -> None:
    api.post("/webhooks", hook())
    simulator.add_contact("ada@x.eu", list_ids=[2])
    api.delete("/contacts/ada%40x.eu")
    (payload,) = [delivery.payload for delivery in simulator.take_webhooks()]
    assert (payload["event"], payload["email"], payload["list_id"]) == ("contact_deleted", "ada@x.eu", [2])


def test_an_import_tells_its_additions(api: Api, simulator: BrevoSimulator) -> None:
    api.post("/webhooks", hook(events=["listAddition"]))
    rows = [{"email": "ada@x.eu"}, {"email": "bob@x.eu"}]
    api.post("/contacts/import", {"jsonBody": rows, "listIds": [2]}, status=202)
    api.clock.forward(2)
    assert [item.payload["email"] for item in simulator.take_webhooks(URL)] == ["ada@x.eu", "bob@x.eu"]


def test_a_batched_webhook_gets_one_array(api: Api, simulator: BrevoSimulator) -> None:
    api.post("/webhooks", hook(batched=True))
    for name in ("ada", "bob"):
        simulator.add_contact(f"{name}@x.eu")
        simulator.unsubscribe(f"{name}@x.eu")
    (delivery,) = simulator.take_webhooks()
    assert [payload["email"] for payload in delivery.payload] == ["ada@x.eu", "bob@x.eu"]


def test_transactional_mails_and_opt_outs_are_told_with_milliseconds(api: Api, simulator: BrevoSimulator) -> None:
    api.post("/webhooks", {"url": URL, "events": ["request", "delivered", "blocked", "unsubscribed"]})
    body = {
        "sender": {"email": "no-reply@x.eu"},
        "to": [{"email": "ada@x.eu"}],
        "subject": "Hello",
        "htmlContent": "<p>Hello</p>",
    }
    id = api.post("/smtp/email", body)["messageId"]
    simulator.unsubscribe_transactional("ada@x.eu", "no-reply@x.eu")
    api.post("/smtp/email", body)
    payloads = [delivery.payload for delivery in simulator.take_webhooks()]
    assert [item["event"] for item in payloads] == ["request", "delivered", "unsubscribed", "request", "blocked"]
    assert (payloads[0]["message-id"], payloads[0]["ts_epoch"]) == (id, 1795521600000)
