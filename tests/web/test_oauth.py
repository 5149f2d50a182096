"""The page that Zoom sends the browser back to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from starlette.applications import Starlette

from tajo.http import Http, Reply
from tajo.simulators.world import Stage
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.web.oauth import LONGEST_QUERY, callback
from tajo.workflows.signin import CALLBACK, SignIns

pytestmark = pytest.mark.anyio

REDIRECT = f"https://tajo.example.com{CALLBACK}"


@pytest.fixture
def sign_ins(
    simulators: Callable[..., Any], sqlite_database: Database, tmp_path: Path, clock: Any
) -> tuple[SignIns, Any]:
    both = simulators(Stage(3, clock()).world(), zoom={"oauth_app": "user"})
    mine = SignIns(both.config(), sqlite_database, Vault({}, tmp_path), clock=clock, zoom_app=both.zoom.app)
    return mine, both.zoom


@pytest.fixture
async def browser(sign_ins: tuple[SignIns, Any]) -> AsyncIterator[Callable[..., Any]]:
    async with Http("http://127.0.0.1", app=Starlette(routes=[callback(sign_ins[0])])) as http:

        async def get(query: dict[str, str], method: str = "GET") -> Reply:
            return await http.send(method, CALLBACK, origin="browser", query=query)

        yield get


async def back_from_zoom(sign_ins: tuple[SignIns, Any], redirect: str = REDIRECT) -> dict[str, str]:
    mine, zoom = sign_ins
    begun = await mine.begin(redirect)
    asked = dict(parse_qsl(urlsplit(begun.url).query))
    return {"code": zoom.tokens.authorize(asked), "state": asked["state"]}


async def test_the_page_says_that_zoom_is_connected(sign_ins: Any, browser: Any) -> None:
    reply = await browser(await back_from_zoom(sign_ins))
    assert reply.status == 200
    assert b"Zoom is connected" in reply.body
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert await sign_ins[0].known() is not None


async def test_each_failure_is_one_page_with_its_remedy(sign_ins: Any, browser: Any, clock: Any) -> None:
    query = await back_from_zoom(sign_ins)
    declined = await browser({"error": "access_denied", "state": query["state"]})
    assert declined.status == 400
    assert b"declined" in declined.body
    assert b"--oauth" in declined.body
    used = await browser(query)
    assert b"finished already" in used.body
    wrong = await browser({**query, "state": "another"})
    assert (wrong.status, b"not begun here" in wrong.body) == (400, True)
    late = await back_from_zoom(sign_ins)
    clock.forward(minutes=6)
    assert b"authorization code" in (await browser(late)).body
    assert b"not begun here" in (await browser({})).body


async def test_a_wrong_redirect_address_is_named(sign_ins: Any, browser: Any) -> None:
    """Zoom accepts the address at the start and not at the exchange: what to add on the app's page is said."""
    mine, zoom = sign_ins
    begun = await mine.begin(REDIRECT)
    asked = dict(parse_qsl(urlsplit(begun.url).query))
    code = zoom.tokens.authorize({**asked, "redirect_uri": "https://elsewhere.example.com/"})
    reply = await browser({"code": code, "state": asked["state"]})
    assert reply.status == 400
    assert REDIRECT.encode() in reply.body
    assert b"OAuth Redirect URL" in reply.body


async def test_nothing_of_the_address_is_on_the_page(browser: Any) -> None:
    query = {"state": "<script>alert(1)</script>", "error": "<img src=x>", "code": "CANARY"}
    reply = await browser(query)
    assert b"<script" not in reply.body
    assert b"<img" not in reply.body
    assert b"CANARY" not in reply.body


async def test_other_methods_and_endless_addresses_are_refused(browser: Any) -> None:
    assert (await browser({}, "POST")).status == 405
    reply = await browser({"state": "x" * LONGEST_QUERY})
    assert reply.status == 414
    assert len(urlencode({"state": "x" * LONGEST_QUERY})) > LONGEST_QUERY
