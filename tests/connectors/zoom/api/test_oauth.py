"""A user's sign-in: addresses, forms, and what each refusal means."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tajo.connectors.zoom.api.oauth import (
    SignInEndedError,
    authorize_url,
    code_form,
    declined,
    grant_error,
    is_revoked,
    level_of,
    read_grant,
    refresh_form,
)
from tajo.core.errors import ContractError, CredentialError, TajoError, TransientError

REDIRECT = "https://tajo.example.com/oauth/zoom/callback"


def test_the_browsers_address_carries_a_state_and_a_challenge_but_no_secret() -> None:
    url = authorize_url("https://zoom.us/oauth", client_id="cid", redirect_uri=REDIRECT, state="s&1", verifier="v" * 64)
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "zoom.us", "/oauth/authorize")
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["cid"],
        "redirect_uri": [REDIRECT],
        "state": ["s&1"],
        "code_challenge": [urlsafe_b64encode(sha256(b"v" * 64).digest()).decode().rstrip("=")],
        "code_challenge_method": ["S256"],
    }
    assert "v" * 64 not in url


def test_forms_are_what_zoom_asks_for() -> None:
    assert code_form("c", redirect_uri=REDIRECT, verifier="v") == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": REDIRECT,
        "code_verifier": "v",
    }
    assert refresh_form("r") == {"grant_type": "refresh_token", "refresh_token": "r"}


def test_a_grant_is_a_token_and_its_successors_key(reply: Callable[..., Any], now: datetime) -> None:
    answer = {"access_token": "a", "refresh_token": "r", "expires_in": 3599, "scope": "user:read:user"}
    grant = read_grant(reply(200, answer), now)
    assert (grant.token.value, grant.refresh, grant.token.level) == ("a", "r", "user")
    assert grant.token.expires_at == now + timedelta(seconds=3599)
    assert "'r'" not in repr(grant)
    with pytest.raises(ContractError):
        read_grant(reply(200, {"access_token": "a"}), now)


@pytest.mark.parametrize(
    ("scopes", "level"),
    [
        ({"user:read:user", "meeting:read:meeting"}, "user"),
        ({"user:read:user:admin"}, "account"),
        ({"cloud_recording:read:list_user_recordings:master"}, "account"),
        (set(), "user"),
    ],
)
def test_the_scopes_tell_the_level(scopes: set[str], level: str) -> None:
    assert level_of(frozenset(scopes)) == level


GRANT = {"reason": "Invalid authorization code", "error": "invalid_grant"}


@pytest.mark.parametrize(
    ("body", "text", "remedy"),
    [
        (GRANT, "does not accept the authorization code", "--oauth"),
        ({"code": 4734, "message": "?"}, "does not accept the authorization code", "--oauth"),
        ({"code": 4733, "message": "?"}, "has expired", "within five minutes"),
        ({"code": "4709"}, "none of the app's", REDIRECT),
        ({"reason": "Redirect URI mismatch", "error": "invalid_request"}, "none of the app's", REDIRECT),
        ({"reason": "Invalid client_id or client_secret", "error": "invalid_client"}, "client secret", "client_secret"),
        ({"code": 4717}, "not active", "activate"),
        ({"reason": "unsupported grant type", "error": "unsupported_grant_type"}, "refuses", "General app"),
    ],
)
def test_a_refused_code_has_a_remedy(
    body: Any, text: str, remedy: str, reply: Callable[..., Any], now: datetime
) -> None:
    error = grant_error(reply(400, body), now, redirect_uri=REDIRECT)
    assert type(error) is CredentialError
    assert text in error.message
    assert remedy in error.hint


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"reason": "Invalid Token!", "error": "invalid_grant"}),
        (401, {"reason": "Invalid Token!", "error": "invalid_grant"}),
        (400, {"code": 4741, "message": "The token has been revoked."}),
        (400, {"code": 4711}),
        (400, {"errorCode": 4735}),
    ],
)
def test_a_sign_in_that_ended_says_connect_again(
    status: int, body: Any, reply: Callable[..., Any], now: datetime
) -> None:
    error = grant_error(reply(status, body), now)
    assert type(error) is SignInEndedError
    assert error.exit_code == 4
    assert "tajo connectors connect zoom --oauth" in error.hint


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, {"reason": "too many"}, TransientError),
        (503, None, TransientError),
        (400, b"<html>", TransientError),
        (302, b"", ContractError),
        (400, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}, CredentialError),
    ],
)
def test_what_is_not_about_the_sign_in_ends_none(
    status: int, body: Any, kind: type[TajoError], reply: Callable[..., Any], now: datetime
) -> None:
    error = grant_error(reply(status, b"" if body is None else body), now)
    assert type(error) is kind


@pytest.mark.parametrize(("error", "text"), [("access_denied", "declined"), ("<script>", "broke"), ("", "broke")])
def test_a_declined_sign_in_repeats_nothing_of_the_address(error: str, text: str) -> None:
    told = declined(error)
    assert text in told.message
    assert "script" not in told.line()


def test_revoked_is_revoked_whoever_was_first(reply: Callable[..., Any], now: datetime) -> None:
    assert is_revoked(reply(200, {"status": "success"}), now)
    assert is_revoked(reply(400, {"reason": "Invalid Token!", "error": "invalid_request"}), now)
    with pytest.raises(CredentialError):
        is_revoked(reply(400, {"reason": "?", "error": "invalid_client"}), now)
    with pytest.raises(TransientError):
        is_revoked(reply(503, b""), now)
