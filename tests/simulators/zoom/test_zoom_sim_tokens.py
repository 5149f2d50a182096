from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

REDIRECT = "http://127.0.0.1:9000/callback"
VERIFIER = "v" * 43


def challenge() -> str:
    return base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


def new_code(zoom: Any, **query: str) -> str:
    query = {"response_type": "code", "client_id": zoom.simulator.client_id, "redirect_uri": REDIRECT, **query}
    response = zoom.send("GET", "/oauth/authorize", params={**query, "state": "s1"})
    assert response.status_code == 302
    given = parse_qs(urlsplit(response.headers["location"]).query)
    assert given["state"] == ["s1"]
    return given["code"][0]


def exchange(zoom: Any, code: str, **form: str) -> Any:
    return zoom.grant(grant_type="authorization_code", code=code, redirect_uri=REDIRECT, **form)


def test_account_credentials_give_an_hour_and_all_scopes_but_no_refresh_token(zoom: Any) -> None:
    answer = zoom.grant().json()
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3600)
    assert set(answer["scope"].split()) == zoom.simulator.scopes
    assert answer["api_url"] == "https://api.zoom.us"
    assert "refresh_token" not in answer
    assert answer["access_token"].count(".") == 2


def test_parameters_may_come_in_the_query(zoom: Any) -> None:
    secrets = (zoom.simulator.client_id, zoom.simulator.client_secret)
    query = {"grant_type": "account_credentials", "account_id": zoom.simulator.account_id}
    assert zoom.send("POST", "/oauth/token", auth=secrets, params=query).status_code == 200


@pytest.mark.parametrize("status", [400, 401])
def test_a_wrong_secret_is_refused_in_the_token_endpoints_own_words(zoom: Any, status: int) -> None:
    zoom.switch(invalid_client_status=status)
    response = zoom.send("POST", "/oauth/token", auth=("who", "what"), data={"grant_type": "account_credentials"})
    assert response.status_code == status
    assert response.json() == {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}


def test_a_wrong_account_or_grant_is_refused(zoom: Any) -> None:
    wrong = zoom.grant(grant_type="account_credentials", account_id="other")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_request")
    odd = zoom.grant(grant_type="password")
    assert odd.json() == {"reason": "unsupported grant type", "error": "unsupported_grant_type"}


@pytest.mark.parametrize(("mode", "alive"), [("multi", 4), ("single", 1), ("max_n", 2)])
def test_how_many_tokens_live_at_once_is_a_switch(zoom: Any, mode: str, alive: int) -> None:
    zoom.switch(token_mode=mode, max_tokens=2)
    tokens = [zoom.grant().json()["access_token"] for _ in range(4)]
    good = []
    for zoom.token in tokens:
        good.append(zoom.get("/users").status_code == 200)
    assert good == [False] * (4 - alive) + [True] * alive


def test_a_token_ends_after_its_hour(zoom: Any) -> None:
    assert zoom.get("/users").status_code == 200
    zoom.clock.forward(seconds=3600)
    response = zoom.get("/users")
    assert (response.status_code, response.json()) == (401, {"code": 124, "message": "Access token is expired."})
    zoom.switch(token_expired_status=400)
    assert zoom.refusal("/users") == (400, 124)


def test_tokens_can_be_expired_by_force(zoom: Any) -> None:
    zoom.get("/users")
    zoom.simulator.expire_tokens()
    assert zoom.refusal("/users") == (401, 124)
    zoom.token = ""
    assert zoom.get("/users").status_code == 200


def test_a_deactivated_app_has_no_working_token_and_gets_none(zoom: Any) -> None:
    zoom.get("/users")
    zoom.simulator.deactivate()
    assert zoom.refusal("/users") == (401, 124)
    assert zoom.grant().status_code == 400
    zoom.simulator.activate()
    assert zoom.get("/users").status_code == 200


def test_a_token_goes_into_the_header_only(zoom: Any) -> None:
    token = zoom.grant().json()["access_token"]
    response = zoom.send("GET", "/v2/users", params={"access_token": token})
    assert response.status_code == 401
    assert response.json()["message"].endswith("not supported as query parameter string.")
    assert zoom.send("GET", "/v2/users").json()["code"] == 124


def test_a_code_is_good_for_one_exchange_within_five_minutes(zoom: Any) -> None:
    code = new_code(zoom)
    answer = exchange(zoom, code).json()
    assert {"access_token", "refresh_token", "scope", "expires_in"} <= set(answer)
    assert exchange(zoom, code).json() == {"reason": "Invalid authorization code", "error": "invalid_grant"}
    late = new_code(zoom)
    zoom.clock.forward(minutes=5)
    assert exchange(zoom, late).json()["error"] == "invalid_grant"


def test_a_code_with_a_challenge_needs_its_verifier(zoom: Any) -> None:
    query = {"code_challenge": challenge(), "code_challenge_method": "S256"}
    assert exchange(zoom, new_code(zoom, **query)).json()["error"] == "invalid_grant"
    assert exchange(zoom, new_code(zoom, **query), code_verifier="wrong").json()["error"] == "invalid_grant"
    assert exchange(zoom, new_code(zoom, **query), code_verifier=VERIFIER).status_code == 200


def test_the_redirect_must_be_a_known_one_and_the_same_again(zoom: Any) -> None:
    zoom.simulator.tokens.redirect_uris.add("https://other.example/callback")
    query = {"response_type": "code", "client_id": zoom.simulator.client_id, "redirect_uri": REDIRECT}
    assert zoom.send("GET", "/oauth/authorize", params=query).json()["code"] == 4709
    zoom.simulator.tokens.redirect_uris.clear()
    code = new_code(zoom)
    other = zoom.grant(grant_type="authorization_code", code=code, redirect_uri="https://other.example/")
    assert other.status_code == 400


def test_a_refresh_token_is_replaced_by_every_use(zoom: Any) -> None:
    first = exchange(zoom, new_code(zoom)).json()
    second = zoom.grant(grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    reused = zoom.grant(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (reused.status_code, reused.json()) == (400, {"reason": "Invalid Token!", "error": "invalid_grant"})
    zoom.clock.forward(days=90)
    late = zoom.grant(grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert late.json()["error"] == "invalid_grant"


def test_a_new_authorisation_ends_the_one_before(zoom: Any) -> None:
    first = exchange(zoom, new_code(zoom)).json()
    exchange(zoom, new_code(zoom))
    zoom.token = first["access_token"]
    assert zoom.refusal("/users") == (401, 124)
    refused = zoom.grant(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"


def test_revoking_ends_the_authorisation(zoom: Any) -> None:
    answer = exchange(zoom, new_code(zoom)).json()
    secrets = (zoom.simulator.client_id, zoom.simulator.client_secret)
    revoked = zoom.send("POST", "/oauth/revoke", auth=secrets, data={"token": answer["access_token"]})
    assert revoked.json() == {"status": "success"}
    zoom.token = answer["access_token"]
    assert zoom.refusal("/users") == (401, 124)
    assert zoom.grant(grant_type="refresh_token", refresh_token=answer["refresh_token"]).status_code == 400


def test_account_level_apps_name_their_users_and_user_level_apps_say_me(zoom: Any) -> None:
    owner = zoom.simulator.world.users[0]
    assert zoom.refusal("/users/me") == (400, 124)
    assert zoom.json(f"/users/{owner.email.upper()}")["id"] == owner.id
    zoom.switch(oauth_app="user")
    zoom.token = exchange(zoom, new_code(zoom)).json()["access_token"]
    assert zoom.json("/users/me")["id"] == owner.id
    assert zoom.refusal(f"/users/{owner.id}") == (401, 124)
    assert zoom.refusal("/users") == (400, 4711)
    others = next(s for s in zoom.simulator.world.of_kind("meeting") if s.host.id != owner.id and not s.deleted)
    assert zoom.get(f"/meetings/{others.id}").status_code == 403
