from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tajo.simulators.zoom import ZoomSimulator, ZoomSwitches
from tajo.simulators.zoom.routes import ROUTES


def test_a_missing_scope_names_those_of_which_one_is_enough(zoom: Any) -> None:
    zoom.simulator.scopes.discard("report:read:list_meeting_participants:admin")
    response = zoom.get("/report/meetings/1/participants")
    assert response.status_code == 400
    assert response.json() == {
        "code": 4711,
        "message": "Invalid access token, does not contain scopes:[report:read:list_meeting_participants:admin].",
    }
    zoom.simulator.scopes.discard("meeting:read:meeting:admin")
    zoom.token = ""
    message = zoom.get("/meetings/1").json()["message"]
    assert message.endswith("scopes:[meeting:read:meeting, meeting:read:meeting:admin].")


def test_a_scope_given_later_is_in_new_tokens_only(zoom: Any) -> None:
    scope = "user:read:list_users:admin"
    zoom.simulator.scopes.discard(scope)
    assert zoom.refusal("/users") == (400, 4711)
    zoom.simulator.scopes.add(scope)
    assert zoom.refusal("/users") == (400, 4711)
    zoom.token = ""
    assert zoom.get("/users").status_code == 200


def test_classic_apps_have_classic_scopes(zoom: Any) -> None:
    classic = ZoomSimulator(zoom.simulator.world, clock=zoom.clock, switches=ZoomSwitches(app_kind="classic"))
    zoom.simulator = classic
    assert "report:read:admin" in classic.scopes
    assert not any("list_" in scope for scope in classic.scopes)
    assert zoom.get("/users").status_code == 200
    classic.scopes = {"meeting:read:admin"}
    zoom.token = ""
    assert zoom.refusal("/users") == (400, 4700)


def test_a_free_account_has_no_reports(account: Callable[..., Any]) -> None:
    zoom = account(plan="free")
    meeting = zoom.session("Team meeting")
    for path in (f"/report/meetings/{meeting.id}/participants", f"/past_meetings/{meeting.id}/participants"):
        response = zoom.get(path)
        assert (response.status_code, response.json()["code"]) == (400, 200)
        assert response.json()["message"] == f"Only available for paid account: {zoom.simulator.account_id}."
    assert zoom.get(f"/past_meetings/{meeting.id}").status_code == 200


def test_the_dashboard_is_for_business_accounts(zoom: Any, business: Any) -> None:
    alone = zoom.session("Nobody came")
    path = f"/metrics/meetings/{alone.id}/participants"
    response = zoom.get(path, type="pastOne")
    assert (response.status_code, response.json()["code"]) == (400, 200)
    assert "ZMP and Business" in response.json()["message"]
    (row,) = business.json(path, type="pastOne")["participants"]
    assert (row["role"], row["email"]) == ("host", alone.host.email)
    assert business.refusal(path) == (404, 3001)


def test_webinars_need_the_add_on_of_their_host(zoom: Any) -> None:
    trainer = next(user for user in zoom.simulator.world.users if user.email.startswith("trainer"))
    response = zoom.get(f"/users/{trainer.id}/webinars")
    assert (response.status_code, response.json()["code"]) == (400, 200)
    assert trainer.id in response.json()["message"]
    zoom.switch(webinar_plan="everybody")
    assert zoom.json(f"/users/{trainer.id}/webinars")["webinars"] == []
    zoom.switch(webinar_plan="nobody")
    assert zoom.refusal(f"/webinars/{zoom.session('봄 웨비나').id}") == (400, 200)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.pattern.pattern)
def test_every_endpoint_asks_for_one_of_its_scopes(zoom: Any, route: Any) -> None:
    path = route.pattern.pattern
    for part, value in (("(?P<user>[^/]+)", "u"), ("(?P<registrant>[^/]+)", "r"), ("(?P<ref>.+?)", "1")):
        path = path.replace(part, value)
    needed = next(scope for scope in route.granular if scope.endswith(":admin"))
    zoom.simulator.scopes.discard(needed)
    assert zoom.refusal(path) == (400, 4711)
    zoom.simulator.scopes.add(needed)
    zoom.token = ""
    assert zoom.get(path).json().get("code") != 4711
