"""Signing in as a user against the simulator: begun, finished, renewed once, ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from tajo.connectors.zoom.api.auth import basic
from tajo.connectors.zoom.api.oauth import SignInEndedError
from tajo.core.errors import ConfigError, CredentialError, TajoError, TransientError
from tajo.http import Http
from tajo.simulators.serve import serve
from tajo.simulators.world import Stage
from tajo.simulators.zoom.errors import ZoomError
from tajo.store import signins
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.workflows.signin import LEASE, Begun, SignIns, UserTokens

pytestmark = pytest.mark.anyio

REDIRECT = "https://tajo.example.com/oauth/zoom/callback"


class Zoom:
    """The simulator behind a door that counts and may hold or break token requests."""

    def __init__(self, simulators: Any) -> None:
        self.simulators = simulators
        self.forms: list[dict[str, str]] = []
        self.hold: asyncio.Event | None = None
        self.reached = asyncio.Event()
        self.broken = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] not in ("/oauth/token", "/oauth/revoke"):
            await self.simulators.zoom.app(scope, receive, send)
            return
        body = (await receive()).get("body", b"")
        self.forms.append(dict(parse_qsl(body.decode())))

        async def again() -> Any:
            return {"type": "http.request", "body": body}

        if self.broken:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        answer: list[Any] = []

        async def keep(message: Any) -> None:
            answer.append(message)

        await self.simulators.zoom.app(scope, again, keep)  # Zoom has decided: the old refresh token is used up
        self.reached.set()
        if self.hold is not None:
            await self.hold.wait()
        for message in answer:
            await send(message)

    def grants(self, kind: str) -> int:
        return [form.get("grant_type") for form in self.forms].count(kind)


@pytest.fixture
def zoom(simulators: Callable[..., Any], clock: Any) -> Zoom:
    return Zoom(simulators(Stage(3, clock()).world(), zoom={"oauth_app": "user"}))


@pytest.fixture
def make(zoom: Zoom, database: Database, tmp_path: Path, clock: Any) -> Callable[..., SignIns]:
    """Makes what a process has of its own, on one database."""

    def build(on: Database | None = None, sleep: Any = clock.sleep) -> SignIns:
        config = zoom.simulators.config()
        return SignIns(config, on or database, Vault({}, tmp_path), clock=clock, sleep=sleep, zoom_app=zoom)

    return build


async def allow(zoom: Zoom, begun: Begun) -> dict[str, str]:
    """What the browser comes back with after "Allow"."""
    parts = urlsplit(begun.url)
    async with Http("http://127.0.0.1", app=zoom) as browser:
        reply = await browser.send("GET", f"{parts.path}?{parts.query}", origin="browser")
    assert reply.status == 302
    back = urlsplit(reply.headers["location"])
    assert reply.headers["location"].startswith(REDIRECT)
    return dict(parse_qsl(back.query))


async def sign_in(zoom: Zoom, mine: SignIns) -> None:
    await mine.finish(await allow(zoom, await mine.begin(REDIRECT)))


# --- signing in ---


async def test_the_command_hears_of_a_sign_in_that_the_service_finished(zoom: Zoom, make: Any) -> None:
    command, service = make(), make()
    begun = await command.begin(REDIRECT)
    await service.finish(await allow(zoom, begun))
    await command.wait(begun)
    (form,) = zoom.forms
    assert form["redirect_uri"] == REDIRECT
    assert 43 <= len(form["code_verifier"]) <= 128
    token = await UserTokens(command).token()
    assert token.level == "user"
    assert "user:read:user" in token.scopes
    assert len(zoom.forms) == 1  # the stored token is good for an hour


async def test_a_state_is_good_once(zoom: Zoom, make: Any) -> None:
    mine = make()
    begun = await mine.begin(REDIRECT)
    query = await allow(zoom, begun)
    await mine.finish(query)
    with pytest.raises(CredentialError, match="finished already"):
        await mine.finish(query)
    await mine.wait(begun)  # the first outcome stays
    assert len(zoom.forms) == 1


@pytest.mark.parametrize("state", ["", "made-up", "é" * 10])
async def test_a_state_that_nobody_gave_out_is_refused_without_asking_zoom(state: str, zoom: Zoom, make: Any) -> None:
    with pytest.raises(CredentialError, match="not begun here"):
        await make().finish({"state": state, "code": "c"})
    assert zoom.forms == []


async def test_a_sign_in_ends_after_ten_minutes(zoom: Zoom, make: Any, clock: Any) -> None:
    mine = make()
    begun = await mine.begin(REDIRECT)
    query = await allow(zoom, begun)
    clock.forward(minutes=10)
    with pytest.raises(CredentialError, match="ten minutes"):
        await mine.finish(query)
    with pytest.raises(CredentialError, match="within 10 minutes") as told:
        await mine.wait(begun)
    assert REDIRECT in told.value.hint
    assert zoom.forms == []


async def test_whoever_waits_is_told_why_it_failed(zoom: Zoom, make: Any, clock: Any) -> None:
    """Declined in the browser; a code older than five minutes; a redirect address that is none of the app's."""
    mine = make()
    begun = await mine.begin(REDIRECT)
    state = parse_qs(urlsplit(begun.url).query)["state"][0]
    with pytest.raises(CredentialError, match="declined"):
        await mine.finish({"state": state, "error": "access_denied"})
    with pytest.raises(CredentialError, match="declined") as told:
        await mine.wait(begun)
    assert told.value.exit_code == 4
    begun = await mine.begin(REDIRECT)
    query = await allow(zoom, begun)
    clock.forward(minutes=6)
    with pytest.raises(CredentialError, match="authorization code"):
        await mine.finish(query)
    with pytest.raises(CredentialError, match="authorization code"):
        await mine.wait(begun)
    assert await mine.known() is None


async def test_without_the_apps_keys_nothing_begins(zoom: Zoom, database: Database, tmp_path: Path, clock: Any) -> None:
    config = zoom.simulators.config(zoom={"client_secret": None})
    with pytest.raises(ConfigError, match="client_secret"):
        await SignIns(config, database, Vault({}, tmp_path), clock=clock).begin(REDIRECT)


# --- renewing ---


async def test_a_renewed_pair_is_stored_before_anybody_gets_it(zoom: Zoom, make: Any, clock: Any) -> None:
    mine = make()
    await sign_in(zoom, mine)
    before = await mine.load()
    clock.forward(minutes=48)
    token = await UserTokens(mine).token()
    after = await make().load()
    assert after[1].access == token.value
    assert after[1].refresh != before[1].refresh
    assert after[0].version != before[0].version
    assert token.expires_at == clock() + timedelta(hours=1)


async def test_many_processes_renew_by_one_request(zoom: Zoom, make: Any, clock: Any, database_url: str) -> None:
    """Three processes with ten callers each, all at the hour's end."""
    await sign_in(zoom, make())
    clock.forward(hours=1)
    databases = [Database(database_url) for _ in range(3)]
    try:
        # The clock stands: nobody's claim runs out because others look often.
        processes = [UserTokens(make(each, sleep=lambda _: asyncio.sleep(0.005))) for each in databases]
        found = await asyncio.gather(*(each.token() for each in processes for _ in range(10)))
    finally:
        for each in databases:
            each.close()
    assert zoom.grants("refresh_token") == 1
    assert len({token.value for token in found}) == 1


async def test_a_chain_of_renewals_uses_each_refresh_token_once(zoom: Zoom, make: Any, clock: Any) -> None:
    mine = make()
    await sign_in(zoom, mine)
    for _ in range(5):
        clock.forward(minutes=50)
        await UserTokens(make()).token()
    used = [form["refresh_token"] for form in zoom.forms if form["grant_type"] == "refresh_token"]
    assert len(set(used)) == 5


async def test_a_refused_access_token_is_renewed_once(zoom: Zoom, make: Any) -> None:
    """Somebody expired it; callers who were refused with the same token share its successor."""
    await sign_in(zoom, make())
    tokens = UserTokens(make())
    refused = await tokens.token()
    zoom.simulators.zoom.expire_tokens()

    async def after_refusal() -> str:
        tokens.invalidate(refused)
        return (await tokens.token()).value

    found = await asyncio.gather(*(after_refusal() for _ in range(20)))
    assert len(set(found)) == 1
    assert zoom.grants("refresh_token") == 1
    other = UserTokens(make())  # another process was refused with the old one, too: it finds the new one
    assert (await other.token()).value == found[0]
    assert zoom.grants("refresh_token") == 1


async def test_a_cancelled_renewal_keeps_the_answer(zoom: Zoom, make: Any, clock: Any) -> None:
    """Ctrl-C while the answer is on its way: the old refresh token is used up, so the new one must not be lost."""
    await sign_in(zoom, make())
    before = await make().load()
    clock.forward(hours=1)
    zoom.hold, zoom.reached = asyncio.Event(), asyncio.Event()
    asking = asyncio.ensure_future(UserTokens(make()).token())
    await asyncio.wait_for(zoom.reached.wait(), 10)
    asking.cancel()
    await asyncio.sleep(0)
    zoom.hold.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    zoom.hold = None
    after = await make().load()
    assert after[1].refresh != before[1].refresh
    await UserTokens(make()).token()
    assert zoom.grants("refresh_token") == 1


KILLED = """
import sys, asyncio
from datetime import datetime
from pathlib import Path
from tajo.config.load import from_mapping
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.workflows.signin import SignIns, UserTokens

url, database, folder, now, client, secret = sys.argv[1:]
zoom = {"client_id": client, "client_secret": secret, "oauth_url": url + "/oauth"}
mine = SignIns(
    from_mapping({"connectors": {"zoom": zoom}}, env={}),
    Database(database), Vault({}, Path(folder)), clock=lambda: datetime.fromisoformat(now),
)
print(asyncio.run(UserTokens(mine).token()).value, flush=True)
sys.stdin.read()
"""


async def test_a_process_that_is_killed_before_it_used_the_new_pair_loses_nothing(
    zoom: Zoom, make: Any, clock: Any, database_url: str, tmp_path: Path, script: Any
) -> None:
    """kill -9 after Zoom's answer, before the first call with it: the next process has the pair, and renews it on."""
    await sign_in(zoom, make())
    clock.forward(hours=1)
    simulator = zoom.simulators.zoom
    with serve(simulator.app) as url:
        keys = (simulator.client_id, simulator.client_secret)
        process = script(KILLED, url, database_url, tmp_path, clock().isoformat(), *keys)
        token = await asyncio.to_thread(process.stdout.readline)
        process.kill()
    assert token.strip() == (await UserTokens(make()).token()).value
    assert zoom.grants("refresh_token") == 0
    clock.forward(hours=1)
    await UserTokens(make()).token()
    assert zoom.grants("refresh_token") == 1


async def test_whoever_dies_while_asking_is_waited_for_a_minute(zoom: Zoom, make: Any, clock: Any) -> None:
    """Killed before Zoom was asked: the claim runs out, and the same refresh token still works."""
    mine = make()
    await sign_in(zoom, mine)
    clock.forward(hours=1)
    known, _ = await mine.load()
    dead = clock()
    await mine.database.write(lambda c: signins.claim(c, known.version, "dead", now=dead, until=dead + LEASE))
    await UserTokens(make()).token()
    assert clock() >= dead + LEASE
    assert zoom.grants("refresh_token") == 1


async def test_a_fault_of_zoom_costs_no_sign_in(zoom: Zoom, make: Any, clock: Any) -> None:
    await sign_in(zoom, make())
    clock.forward(hours=1)
    tokens = UserTokens(make())
    zoom.broken = True
    found = await asyncio.gather(*(tokens.token() for _ in range(20)), return_exceptions=True)
    assert {type(error) for error in found} == {TransientError}
    assert zoom.grants("refresh_token") == 1
    zoom.broken = False
    await tokens.token()
    assert zoom.grants("refresh_token") == 2


async def test_a_later_sign_in_elsewhere_ends_this_one_for_good(zoom: Zoom, make: Any, clock: Any) -> None:
    """Zoom keeps one valid set for user and app: here says so with its remedy, and asks Zoom once only."""
    await sign_in(zoom, make())
    simulator = zoom.simulators.zoom.tokens
    query = {"response_type": "code", "client_id": simulator.client_id, "redirect_uri": REDIRECT}
    form = {"grant_type": "authorization_code", "code": simulator.authorize(query), "redirect_uri": REDIRECT}
    simulator.token(basic(simulator.client_id, simulator.client_secret), form)
    clock.forward(hours=1)
    for tokens in (UserTokens(make()), UserTokens(make())):
        with pytest.raises(SignInEndedError) as told:
            await tokens.token()
        assert "connect again" in told.value.hint
    assert zoom.grants("refresh_token") == 1
    await sign_in(zoom, make())
    assert (await tokens.token()).value


async def test_with_another_key_the_error_says_so(
    zoom: Zoom, make: Any, database: Database, tmp_path: Path, clock: Any
) -> None:
    await sign_in(zoom, make())
    (tmp_path / "other").mkdir()
    vault = Vault({}, tmp_path / "other")
    vault.keyring(create=True)
    other = SignIns(zoom.simulators.config(), database, vault, clock=clock, zoom_app=zoom)
    with pytest.raises(ConfigError, match="sealed with the key"):
        await UserTokens(other).token()


# --- ending ---


async def test_ending_revokes_at_zoom_and_deletes_here(zoom: Zoom, make: Any) -> None:
    mine = make()
    await sign_in(zoom, mine)
    token = await UserTokens(mine).token()
    assert await mine.end() == (True, "")
    assert zoom.forms[-1] == {"token": token.value}
    with pytest.raises(ZoomError):
        zoom.simulators.zoom.tokens.check(token.value)
    assert await mine.known() is None
    assert await mine.end() == (False, "")
    with pytest.raises(CredentialError, match="no Zoom sign-in"):
        await UserTokens(mine).token()


async def test_ending_deletes_here_even_if_zoom_does_not_hear(zoom: Zoom, make: Any) -> None:
    mine = make()
    await sign_in(zoom, mine)
    zoom.broken = True
    there, untold = await mine.end()
    assert there
    assert "503" in untold
    assert await mine.known() is None


# --- what is kept ---


async def test_neither_tokens_nor_verifier_nor_state_are_in_clear(
    zoom: Zoom, sqlite_database: Database, tmp_path: Path, clock: Any
) -> None:
    """Every secret of a whole life (two sign-ins, two renewals), looked for in the files' bytes."""
    mine = SignIns(
        zoom.simulators.config(), sqlite_database, Vault({}, tmp_path), clock=clock, sleep=clock.sleep, zoom_app=zoom
    )
    begun = await mine.begin(REDIRECT)
    secrets = [parse_qs(urlsplit(begun.url).query)["state"][0]]
    query = await allow(zoom, begun)
    await mine.finish(query)
    for _ in range(2):
        clock.forward(minutes=50)
        await UserTokens(mine).token()
        secrets += (lambda pair: [pair.access, pair.refresh])((await mine.load())[1])
    sent = ("code_verifier", "refresh_token")
    secrets += [value for form in zoom.forms for name, value in form.items() if name in sent]
    path = Path(sqlite_database.url.database or "")
    content = b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
    assert len(set(secrets)) >= 7
    assert not [secret for secret in secrets if secret.encode() in content]
    assert json.dumps(sorted(["user:read:user"]))[1:-1].encode() in content  # the rows themselves are there


async def test_errors_carry_no_secret(zoom: Zoom, make: Any) -> None:
    mine = make()
    begun = await mine.begin(REDIRECT)
    state = parse_qs(urlsplit(begun.url).query)["state"][0]
    with pytest.raises(TajoError) as told:
        await mine.finish({"state": state, "code": "CANARY-code"})
    assert "CANARY" not in told.value.line()
    assert state not in told.value.line()
    assert state not in repr(begun)
