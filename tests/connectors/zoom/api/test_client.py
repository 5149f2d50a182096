"""Budget, token, attempts and pages around a call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tajo.connectors.zoom.api import client as client_module
from tajo.connectors.zoom.api import users
from tajo.connectors.zoom.api.client import GARBLED_TRIES, LIMITED_TRIES, Attempt, ZoomClient
from tajo.connectors.zoom.api.errors import NotReady, PageTokenExpired, RateLimited, TokenRefused
from tajo.connectors.zoom.api.reports import webinar_participants
from tajo.core.errors import ContractError, CredentialError, TransientError
from tajo.http import Call

pytestmark = pytest.mark.anyio

USER = users.user("u1")
MakeAnswer = Callable[..., Any]


async def test_a_call_is_sent_with_the_token_on_its_budget(
    client: ZoomClient, zoom: Any, budget: Any, attempts: list[Attempt], answer: MakeAnswer
) -> None:
    zoom.script(answer(200, {"id": "u1"}, x_ratelimit_remaining="7"))
    assert (await client.send(USER)).id == "u1"
    (asked,) = zoom.asked
    assert asked.headers["authorization"] == "Bearer t1"
    assert budget.acquired == ["light"]
    assert budget.remaining == [("light", 7)]
    assert attempts == [Attempt("zoom.users.get", "light", 200, timedelta(0))]


async def test_paths_arrive_as_they_were_encoded(client: ZoomClient, zoom: Any) -> None:
    """A doubly encoded uuid keeps its %25 on the wire."""
    await client.send(webinar_participants("/ab//c=="))
    await client.send(webinar_participants("a+b/c=="))
    assert [asked.raw_path for asked in zoom.asked] == [
        "/v2/report/webinars/%252Fab%252F%252Fc%253D%253D/participants",
        "/v2/report/webinars/a%2Bb%2Fc%3D%3D/participants",
    ]


async def test_a_refused_token_is_renewed_once(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    refused = answer(401, {"code": 124, "message": "Access token is expired."})
    zoom.script(refused, answer(200, {"id": "u1"}))
    assert (await client.send(USER)).id == "u1"
    assert [asked.headers["authorization"] for asked in zoom.asked] == ["Bearer t1", "Bearer t2"]
    zoom.script(refused)
    with pytest.raises(TokenRefused):
        await client.send(USER)
    assert zoom.tokens == 3


async def test_fifty_refusals_at_once_renew_once(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    def api(asked: Any) -> Any:
        good = asked.headers["authorization"] == "Bearer t2"
        return answer(200, {"id": "u1"}) if good else answer(401, {"code": 124})

    zoom.api = api
    await asyncio.gather(*(client.send(USER) for _ in range(50)))
    assert zoom.tokens == 2


async def test_wrong_keys_are_told_at_once(client: ZoomClient, zoom: Any, answer: MakeAnswer, clock: Any) -> None:
    zoom.token = lambda asked: answer(400, {"error": "invalid_client"})
    with pytest.raises(CredentialError):
        await client.send(USER)
    assert clock.slept == []


async def test_a_per_second_limit_pushes_the_budget_and_tries_again(
    client: ZoomClient, zoom: Any, budget: Any, clock: Any, answer: MakeAnswer
) -> None:
    limited = answer(429, {"code": 429, "message": "per-second rate limit"})
    zoom.script(limited, limited, answer(200, {"id": "u1"}))
    assert (await client.send(USER)).id == "u1"
    assert budget.acquired == ["light"] * 3
    assert budget.pushed == [("light", clock() + timedelta(seconds=1.5), False)] * 2


async def test_a_limit_without_end_is_given_up(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    zoom.script(answer(429, {"code": 429, "message": "per-second rate limit"}))
    with pytest.raises(RateLimited):
        await client.send(USER)
    assert len(zoom.asked) == LIMITED_TRIES


async def test_a_daily_limit_stops_the_label_for_everybody(
    client: ZoomClient, zoom: Any, budget: Any, answer: MakeAnswer
) -> None:
    zoom.script(answer(429, {"code": 429, "message": "daily rate limit"}, retry_after="2026-09-02T00:00:00Z"))
    with pytest.raises(RateLimited) as caught:
        await client.send(USER)
    midnight = datetime(2026, 9, 2, tzinfo=UTC)
    assert caught.value.retry_at == midnight
    assert budget.pushed == [("light", midnight, True)]
    assert len(zoom.asked) == 1


async def test_a_short_fault_is_waited_out(client: ZoomClient, zoom: Any, clock: Any, answer: MakeAnswer) -> None:
    zoom.script(answer(500, b"<html>"), answer(502, None), answer(200, b"<html>"), answer(200, {"id": "u1"}))
    assert (await client.send(USER)).id == "u1"
    assert clock.slept == [0.375, 0.75, 1.5]


async def test_a_minute_without_an_answer_is_given_up(
    client: ZoomClient, zoom: Any, clock: Any, answer: MakeAnswer, attempts: list[Attempt]
) -> None:
    zoom.script(answer(503, {}))
    with pytest.raises(TransientError, match="Zoom gave no answer for 60 s") as caught:
        await client.send(USER)
    assert sum(clock.slept) == pytest.approx(60)
    assert caught.value.origin == "zoom.users.get"
    assert {attempt.status for attempt in attempts} == {503}


async def test_a_longer_wait_that_zoom_asks_for_is_left_to_the_caller(
    client: ZoomClient, zoom: Any, clock: Any, answer: MakeAnswer
) -> None:
    zoom.script(answer(503, {}, retry_after="300"))
    with pytest.raises(TransientError) as caught:
        await client.send(USER)
    assert clock.slept == []
    assert caught.value.retry_at == clock() + timedelta(minutes=5)


async def test_a_sign_in_out_of_order_is_waited_out_too(
    client: ZoomClient, zoom: Any, clock: Any, answer: MakeAnswer
) -> None:
    zoom.script(answer(200, {"id": "u1"}))
    zoom.token = lambda asked: zoom.grant(asked) if zoom.tokens > 2 else answer(503, {})
    assert (await client.send(USER)).id == "u1"
    assert len(clock.slept) == 2


async def test_what_must_not_be_repeated_is_not(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    zoom.script(answer(503, {}))
    with pytest.raises(TransientError):
        await client.send(Call("POST", "/x", lambda value: value, "zoom.x", "light"))
    assert len(zoom.asked) == 1


async def test_an_answer_cut_off_again_and_again_breaks_the_contract(
    client: ZoomClient, zoom: Any, answer: MakeAnswer
) -> None:
    zoom.script(answer(200, b'{"id": "u'))
    with pytest.raises(ContractError):
        await client.send(USER)
    assert len(zoom.asked) == GARBLED_TRIES
    zoom.script(answer(200, b'{"id": "u'), answer(200, {"id": "u1"}))
    assert (await client.send(USER)).id == "u1"


async def test_a_broken_shape_names_its_call(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    zoom.script(answer(200, {"participants": "none"}))
    with pytest.raises(ContractError) as caught:
        await client.send(webinar_participants("u=="))
    assert caught.value.origin == "zoom.report.webinar_participants"


async def test_a_refusal_is_not_repeated(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    zoom.script(answer(404, {"code": 3001}))
    with pytest.raises(NotReady):
        await client.send(webinar_participants("u=="))
    assert len(zoom.asked) == 1


async def test_waiting_for_our_own_budget_is_not_zooms_silence(
    client: ZoomClient, zoom: Any, budget: Any, clock: Any, answer: MakeAnswer, attempts: list[Attempt]
) -> None:
    async def slow(label: str) -> None:
        clock.now += timedelta(minutes=5)

    budget.acquire = slow
    zoom.script(answer(503, {}), answer(200, {"id": "u1"}))
    assert (await client.send(USER)).id == "u1"
    assert [attempt.waited for attempt in attempts] == [timedelta(minutes=5)] * 2


def listing(token: str) -> Any:
    return webinar_participants("u==", page_token=token)


def page(answer: MakeAnswer, *names: str, then: str = "") -> Any:
    return answer(200, {"participants": [{"name": name} for name in names], "next_page_token": then})


async def test_pages_are_walked_and_numbered(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    zoom.script(page(answer, "a", then="n1"), page(answer, then="n2"), page(answer, "b"))
    pages = [(found.number, [row.name for row in found.items]) async for found in client.pages(listing)]
    assert pages == [(1, ["a"]), (2, []), (3, ["b"])]
    assert [asked.query.get("next_page_token") for asked in zoom.asked] == [None, "n1", "n2"]


async def test_an_expired_token_begins_the_listing_anew_once(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    expired = answer(400, {"code": 300, "message": "The next page token is invalid or expired."})
    first = page(answer, "a", "b", then="n1")
    zoom.script(first, expired, page(answer, "a", then="n1"), page(answer, "c"))
    assert [found.number async for found in client.pages(listing)] == [1, 1, 2]
    zoom.script(first, expired, page(answer, "a", then="n1"), page(answer, "c"))
    rows = await client.collect(listing, key=lambda row: row.name)
    assert [row.name for row in rows] == ["a", "c"]
    zoom.script(first, expired, first, expired)
    with pytest.raises(PageTokenExpired):
        await client.collect(listing, key=lambda row: row.name)


async def test_a_row_on_two_pages_is_collected_once(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    zoom.script(page(answer, "a", "b", then="n1"), page(answer, "b", "c"))
    rows = await client.collect(listing, key=lambda row: row.name)
    assert [row.name for row in rows] == ["a", "b", "c"]


async def test_a_circle_of_tokens_is_refused(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    zoom.script(page(answer, "a", then="n1"), page(answer, "b", then="n2"), page(answer, "c", then="n1"))
    with pytest.raises(ContractError, match="circle") as caught:
        await client.collect(listing, key=lambda row: row.name)
    assert caught.value.origin == "zoom.report.webinar_participants"
    assert len(zoom.asked) == 3


async def test_a_first_page_that_comes_again_is_refused(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    """Under ever new tokens, after three pages."""
    zoom.script(*(page(answer, name, then=f"n{number}") for number, name in enumerate("abcab")))
    with pytest.raises(ContractError, match="page 4 is page 1 again"):
        await client.collect(listing, key=lambda row: row.name)


async def test_a_listing_without_end_is_refused(client: ZoomClient, zoom: Any, answer: MakeAnswer) -> None:
    zoom.api = lambda asked: page(answer, then=f"n{len(zoom.asked)}")
    with pytest.raises(ContractError, match="2000 pages"):
        await client.collect(listing, key=lambda row: row.name)
    assert len(zoom.asked) == client_module.MOST_PAGES
