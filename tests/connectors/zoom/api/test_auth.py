"""The account's token: cached, renewed once, and errors with a remedy."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tajo.connectors.zoom.api.auth import Token, TokenSource, read_token, token_error
from tajo.core.errors import ContractError, CredentialError, TajoError, TransientError

pytestmark = pytest.mark.anyio


async def test_a_token_is_asked_for_with_the_apps_keys(zoom: Any, tokens: TokenSource, clock: Any) -> None:
    asked: list[Any] = []
    zoom.token = lambda request: (asked.append(request), zoom.grant(request))[1]
    token = await tokens.token()
    assert token == Token("t1", clock() + timedelta(hours=1), frozenset({"a:b", "c:d"}))
    (request,) = asked
    assert request.method == "POST"
    assert request.headers["authorization"] == "Basic " + b64encode(b"cid:s3cret").decode()
    assert dict(parse_qsl(request.body.decode())) == {"grant_type": "account_credentials", "account_id": "acc"}
    assert request.query == {}


async def test_a_hundred_callers_are_one_request(zoom: Any, tokens: TokenSource) -> None:
    found = await asyncio.gather(*(tokens.token() for _ in range(100)))
    assert zoom.tokens == 1
    assert len({token.value for token in found}) == 1


async def test_a_token_is_renewed_at_eighty_percent_of_its_life(zoom: Any, tokens: TokenSource, clock: Any) -> None:
    """An hour's token is kept for 48 minutes."""
    await tokens.token()
    clock.now += timedelta(minutes=47, seconds=59)
    assert (await tokens.token()).value == "t1"
    clock.now += timedelta(seconds=1)
    assert (await tokens.token()).value == "t2"


async def test_fifty_refusals_of_one_token_are_one_renewal(zoom: Any, tokens: TokenSource) -> None:
    refused = await tokens.token()

    async def after_refusal() -> Token:
        tokens.invalidate(refused)
        return await tokens.token()

    found = await asyncio.gather(*(after_refusal() for _ in range(50)))
    assert zoom.tokens == 2
    assert {token.value for token in found} == {"t2"}
    tokens.invalidate(refused)
    assert (await tokens.token()).value == "t2"


async def test_who_waits_for_a_failing_request_shares_its_failure(
    zoom: Any, tokens: TokenSource, answer: Callable[..., Any]
) -> None:
    zoom.token = lambda asked: answer(400, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"})
    found = await asyncio.gather(*(tokens.token() for _ in range(100)), return_exceptions=True)
    assert zoom.tokens == 1
    assert {type(error) for error in found} == {CredentialError}
    assert len(set(map(id, found))) == 100
    zoom.token = None
    assert (await tokens.token()).value == "t2"


async def test_a_cancelled_caller_leaves_the_others_their_token(zoom: Any, tokens: TokenSource) -> None:
    callers = [asyncio.ensure_future(tokens.token()) for _ in range(3)]
    await asyncio.sleep(0)  # the first has begun its request, the others wait for it
    callers[0].cancel()
    found = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert isinstance(found[1], Token)
    assert found[1] == found[2]


@pytest.mark.parametrize(
    ("status", "body", "kind", "remedy"),
    [
        (400, {"reason": "Invalid client_id or client_secret", "error": "invalid_client"}, CredentialError, "secret"),
        (401, {"reason": "?", "error": "invalid_client"}, CredentialError, "client_secret"),
        (401, None, CredentialError, "client_secret"),
        (400, {"reason": "Bad Request", "error": "invalid_request"}, CredentialError, "account_id"),
        (401, {"reason": "Bad Request", "error": "invalid_request"}, CredentialError, "account_id"),
        (400, {"reason": "unsupported grant type", "error": "unsupported_grant_type"}, CredentialError, "Server"),
        (400, {"code": 4717, "message": "The app has been disabled"}, CredentialError, "activate"),
        (400, {"code": "4738"}, CredentialError, "activate"),
        (400, {"code": 4704}, CredentialError, "client_secret"),
        (429, {"reason": "Too many requests"}, TransientError, ""),
        (503, None, TransientError, ""),
        (502, b"<html>", TransientError, ""),
        (404, b"<html>", TransientError, ""),
        (302, b"", ContractError, "oauth_url"),
    ],
)
def test_refused_requests_have_a_remedy(
    status: int, body: Any, kind: type[TajoError], remedy: str, reply: Callable[..., Any], now: datetime
) -> None:
    error = token_error(reply(status, b"" if body is None else body), now)
    assert type(error) is kind
    assert remedy in error.hint
    assert error.origin == "zoom.token"


@pytest.mark.parametrize(
    ("expires_in", "life_s"), [(3600, 3600), (3599, 3599), ("3599", 3599), (None, 3600), (10**12, 3600), (-5, 3600)]
)
def test_a_life_is_an_hour_at_most(expires_in: Any, life_s: int, reply: Callable[..., Any], now: datetime) -> None:
    token = read_token(reply(200, {"access_token": "t", "expires_in": expires_in}), now)
    assert token.expires_at == now + timedelta(seconds=life_s)


@pytest.mark.parametrize("value", ["", None, 3, "a b", "a\r\nx-evil: 1", "é"])
def test_no_token_in_a_success_breaks_the_contract(value: Any, reply: Callable[..., Any], now: datetime) -> None:
    with pytest.raises(ContractError):
        read_token(reply(200, {"access_token": value}), now)


def test_a_page_in_place_of_the_sign_in_is_a_passing_fault(reply: Callable[..., Any], now: datetime) -> None:
    with pytest.raises(TransientError):
        read_token(reply(200, b"<html>captive portal</html>"), now)


def test_a_token_is_not_printed(now: datetime) -> None:
    assert "s3cret" not in repr(Token("s3cret", now, frozenset()))
