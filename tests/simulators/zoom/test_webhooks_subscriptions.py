from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from tajo.simulators.world import World
from tajo.simulators.zoom import ZoomSimulator, ZoomSwitches
from tajo.simulators.zoom.webhooks import Reply, events_of

URL = "https://receiver.example/webhooks/zoom"
PATH = "/v2/marketplace/app/event_subscription"
SECRET = "simulated-secret-token"


class Endpoint:
    """Meets the validation with `secret` and takes everything else."""

    def __init__(self, secret: str = SECRET) -> None:
        self.secret = secret
        self.status = 204
        self.sent: list[dict[str, Any]] = []

    async def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        event = json.loads(body)
        if event["event"] != "endpoint.url_validation":
            self.sent.append(event)
            return Reply(self.status)
        token = event["payload"]["plainToken"]
        encrypted = hmac.new(self.secret.encode(), token.encode(), sha256).hexdigest()
        return Reply(200, json.dumps({"plainToken": token, "encryptedToken": encrypted}).encode())

    @property
    def names(self) -> set[str]:
        return {event["event"] for event in self.sent}


class Desk:
    """Asks for subscriptions with an account's token."""

    def __init__(self, zoom: Any) -> None:
        self.zoom = zoom
        self.endpoint = Endpoint()
        zoom.simulator.subscriptions.post = self.endpoint
        self.token = ""

    def call(self, method: str, path: str = "", **request: Any) -> Any:
        self.token = self.token or self.zoom.grant().json()["access_token"]
        headers = {"authorization": f"Bearer {self.token}"}
        return self.zoom.send(method, PATH + path, headers=headers, **request)

    def ask(self, *events: str, **fields: Any) -> Any:
        body = {
            "events": list(events) or ["webinar.ended"],
            "event_subscription_name": "Tajo",
            "event_webhook_url": URL,
            "subscription_scope": "account",
            "account_id": self.zoom.simulator.account_id,
            "custom_header": {"custom_header_type": 0},
        }
        return self.call("POST", json=body | fields)

    def create(self, *events: str, **fields: Any) -> str:
        """The id of a new subscription."""
        response = self.ask(*events, **fields)
        assert response.status_code == 201, response.text
        return str(response.json()["event_subscription_id"])

    def refused(self, response: Any) -> tuple[int, int]:
        return response.status_code, response.json()["code"]


@pytest.fixture
def desk(zoom: Any) -> Desk:
    return Desk(zoom)


def test_a_subscription_begins_with_the_validation_of_its_address(desk: Desk) -> None:
    response = desk.ask("webinar.ended")
    assert response.status_code == 201
    (id,) = response.json().values()
    assert list(response.json()) == ["event_subscription_id"]
    assert len(id) == 22
    (validation,) = desk.zoom.simulator.subscriptions[id].sender.deliveries
    assert validation.event == "endpoint.url_validation"
    assert validation.headers["clientid"] == desk.zoom.simulator.client_id


def test_an_address_that_fails_its_validation_gets_no_subscription(desk: Desk) -> None:
    desk.endpoint.secret = "another"
    assert desk.refused(desk.ask()) == (404, 1701)
    assert len(desk.zoom.simulator.subscriptions) == 0


def test_events_go_to_the_subscriptions_that_are_for_them(desk: Desk, world: World) -> None:
    """Two subscriptions for the same event each get a copy."""
    for names in (["webinar.ended", "webinar.started"], ["webinar.ended"], ["meeting.started"]):
        desk.create(*names)
    session = desk.zoom.session("Kundentag")
    asyncio.run(desk.zoom.simulator.subscriptions.send_all(events_of(world, session)))
    assert desk.endpoint.names == {"webinar.ended", "webinar.started"}
    ended = [e for e in desk.endpoint.sent if e["event"] == "webinar.ended"]
    assert len(ended) == 2 * len(session.instances)


def test_a_users_subscription_is_for_the_sessions_they_host(desk: Desk) -> None:
    second, first = desk.zoom.session("Kundentag").host, desk.zoom.session("봄 웨비나").host
    id = desk.create("webinar.ended", subscription_scope="user", user_ids=[second.id])
    subscriptions = desk.zoom.simulator.subscriptions
    asyncio.run(subscriptions.send_all())
    assert {e["payload"]["object"]["host_id"] for e in desk.endpoint.sent} == {second.id}
    assert desk.call("PATCH", f"/{id}", json={"user_ids": [first.id]}).status_code == 204
    asyncio.run(subscriptions.send_all())
    assert {e["payload"]["object"]["host_id"] for e in desk.endpoint.sent} == {first.id, second.id}
    gone = desk.call("DELETE", params={"event_subscription_id": id, "user_ids": second.id})
    assert gone.status_code == 204
    assert subscriptions[id].user_ids == [first.id]


def test_subscriptions_are_listed_and_deleted(desk: Desk) -> None:
    id = desk.create("webinar.ended")
    query = {"account_id": desk.zoom.simulator.account_id, "user_id": "me", "subscription_scope": "account"}
    (shown,) = desk.call("GET", params=query).json()["event_subscriptions"]
    assert shown["event_subscription_id"] == id
    assert shown["events"] == ["webinar.ended"]
    assert desk.refused(desk.call("GET", params={"user_id": "me"})) == (400, 1500)
    assert desk.call("DELETE", f"/{id}").status_code == 204
    assert desk.call("GET", params=query).json()["event_subscriptions"] == []
    assert desk.refused(desk.call("DELETE", f"/{id}")) == (404, 1601)
    assert desk.refused(desk.call("PATCH", f"/{id}", json={"user_ids": []})) == (404, 1601)


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"events": []}, (400, 1500)),
        ({"event_webhook_url": "http://receiver.example/"}, (400, 1500)),
        ({"event_webhook_url": "https://192.0.2.7/"}, (400, 1500)),
        ({"subscription_scope": "everybody"}, (400, 1500)),
        ({"user_ids": ["nobody"]}, (404, 1001)),
        ({"user_ids": ["x"] * 11}, (400, 1500)),
        ({"custom_header": {"custom_header_type": 9}}, (404, 1801)),
        ({"events": ["nonsense"]}, (404, 1601)),
    ],
    ids=["no event", "no tls", "no name", "scope", "user", "eleven users", "header", "event"],
)
def test_wrong_fields_are_refused(desk: Desk, fields: Any, refusal: tuple[int, int]) -> None:
    assert desk.refused(desk.ask(**fields)) == refusal
    assert len(desk.zoom.simulator.subscriptions) == 0


def test_a_body_that_is_no_object_is_refused(desk: Desk) -> None:
    assert desk.refused(desk.call("POST", content=b"{")) == (400, 1500)
    assert desk.refused(desk.call("POST", content=b"[]")) == (400, 1500)


@pytest.mark.parametrize(
    ("event", "scope"),
    [
        ("webinar.ended", "webinar:read:webinar:admin"),
        ("webinar.participant_joined", "webinar:read:participant:admin"),
        ("meeting.registration_created", "meeting:read:registrant:admin"),
        ("recording.completed", "cloud_recording:read:recording:admin"),
    ],
)
def test_an_event_needs_the_scope_of_what_it_tells(desk: Desk, event: str, scope: str) -> None:
    desk.create(event)
    desk.zoom.simulator.scopes.remove(scope)
    assert desk.refused(desk.ask(event)) == (400, 1602)


def test_the_scopes_for_subscriptions_are_asked_for(desk: Desk) -> None:
    id = desk.create()
    desk.zoom.simulator.scopes = {"webinar:read:webinar:admin"}
    desk.token = ""
    for method, path in (("POST", ""), ("GET", ""), ("PATCH", f"/{id}"), ("DELETE", f"/{id}")):
        assert desk.refused(desk.call(method, path)) == (400, 4711)
    assert desk.zoom.send("POST", PATH).status_code == 401


def test_a_general_app_subscribes_with_client_credentials_which_are_good_for_nothing_else(desk: Desk) -> None:
    answer = desk.zoom.grant(grant_type="client_credentials").json()
    assert all("event_subscription" in scope for scope in answer["scope"].split())
    assert "refresh_token" not in answer
    desk.token = desk.zoom.token = answer["access_token"]
    desk.create("webinar.ended", "recording.completed")
    assert desk.zoom.refusal("/users") == (400, 4711)


def test_a_users_authorisation_may_not_subscribe_the_app(desk: Desk) -> None:
    zoom = desk.zoom
    query = {"response_type": "code", "client_id": zoom.simulator.client_id, "redirect_uri": "https://app.example/"}
    code = zoom.send("GET", "/oauth/authorize", params=query).headers["location"].split("code=")[1]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://app.example/"}
    desk.token = zoom.grant(**form).json()["access_token"]
    assert desk.refused(desk.ask()) == (400, 1003)


def test_classic_apps_may_subscribe_too(world: World, account: Callable[..., Any]) -> None:
    zoom = account()
    zoom.simulator = ZoomSimulator(world, clock=zoom.clock, switches=ZoomSwitches(app_kind="classic"))
    assert len(Desk(zoom).create("webinar.participant_left", "recording.completed")) == 22


def test_an_app_has_twenty_subscriptions_at_most(desk: Desk) -> None:
    for _ in range(20):
        desk.create()
    assert desk.refused(desk.ask()) == (400, 1500)


def test_the_webhooks_of_2018_are_gone(desk: Desk) -> None:
    for path in ("/v2/webhooks", "/v2/webhooks/options", f"{PATH}/a/b", "/v2/marketplace/app/event_subscriptions"):
        headers = {"authorization": f"Bearer {desk.zoom.grant().json()['access_token']}"}
        assert desk.refused(desk.zoom.send("POST", path, headers=headers)) == (404, 2300)


def test_time_and_the_api_decide_over_a_subscription(desk: Desk) -> None:
    """Six validations fail; by then nothing is sent any more."""
    id = desk.create("webinar.ended")
    desk.endpoint.secret = "changed by mistake"
    desk.zoom.clock.forward(hours=72 * 6)
    asyncio.run(desk.zoom.simulator.subscriptions.tick())
    sender = desk.zoom.simulator.subscriptions[id].sender
    assert sender.disabled
    assert len(sender.mails) == 2
    asyncio.run(desk.zoom.simulator.subscriptions.send_all())
    assert desk.endpoint.sent == []


def test_what_was_sent_can_be_read_for_seven_days(desk: Desk, world: World) -> None:
    desk.endpoint.status = 503
    id = desk.create("webinar.started", "webinar.ended")
    zoom = desk.zoom
    zoom.switch(token_lifetime_s=10**7)
    event = next(e for e in events_of(world, zoom.session("봄 웨비나")) if e.name == "webinar.ended")
    asyncio.run(zoom.simulator.subscriptions.send_all([event]))
    zoom.clock.forward(minutes=5)
    desk.endpoint.status = 204
    asyncio.run(zoom.simulator.subscriptions.tick())
    path = f"/marketplace/apps/{zoom.simulator.client_id}/webhook_logs"
    first, second = zoom.json(path, event="webinar.ended")["webhook_logs"]
    assert json.loads(first["request_body"]) == event.body
    assert (first["status"], first["retry_num"], second["status"], second["retry_num"]) == (503, 0, 204, 1)
    assert first["request_id"] == second["request_id"]
    assert (first["subscription_id"], first["endpoint"]) == (id, URL)
    assert zoom.json(path)["total_records"] == 3
    assert zoom.json(path, page_size=2)["next_page_token"]
    zoom.clock.forward(days=7, seconds=1)
    assert zoom.json(path)["webhook_logs"] == []
    assert zoom.refusal("/marketplace/apps/another/webhook_logs") == (404, 2300)


def test_reading_the_log_needs_its_scope(desk: Desk) -> None:
    desk.zoom.simulator.scopes.remove("marketplace_app:read:admin")
    assert desk.zoom.refusal(f"/marketplace/apps/{desk.zoom.simulator.client_id}/webhook_logs") == (400, 4711)


def test_calls_about_subscriptions_are_recorded_and_limited(desk: Desk) -> None:
    desk.create()
    assert desk.zoom.simulator.calls.count(method="POST", prefix="/marketplace", status=201) == 1
    desk.zoom.switch(rate_limits=True)
    statuses = [desk.ask().status_code for _ in range(21)]
    assert statuses[-1] == 429
