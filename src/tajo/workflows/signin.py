"""A user's sign-in with Zoom: begun by the command, finished by whoever the browser comes back to, renewed by one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

import sqlalchemy as sa

from tajo.config.model import Config
from tajo.connectors.zoom.api import oauth
from tajo.connectors.zoom.api.auth import ORIGIN, RENEW_AT, SharedToken, Token, basic
from tajo.core.errors import CredentialError, TajoError, TransientError
from tajo.core.problems import error_of, problem_of
from tajo.http import Http, Reply
from tajo.store import signins
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.store.signins import Known, Pair
from tajo.workflows.services import utc_now

T = TypeVar("T")

CALLBACK = "/oauth/zoom/callback"
STATE_LIFE = timedelta(minutes=10)  # ours; Zoom's code itself lives for five
ASK_S = 40.0  # ours: so long one request for tokens may take
LEASE = timedelta(seconds=60)  # longer than that: who was killed while asking is waited for no longer
LOOK_S = 0.25  # between looks at what another process does

_WHY_NOT = {
    "unknown": ("this sign-in was not begun here", "see that command and service work on the same database"),
    "used": ("this sign-in is finished already", "each is good once"),
    "expired": ("this sign-in was begun more than ten minutes ago", "begin a new one"),
}


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way: the browser has to open `url`; `state` is the digest that its outcome is found under."""

    url: str = field(repr=False)
    state: str
    redirect_uri: str
    until: datetime


class SignIns:
    """Everything about the one sign-in of a database. The app's keys are required when they are needed.

    `zoom_app` is an ASGI application to talk to in process instead of the network.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        vault: Vault,
        *,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        zoom_app: Any = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.sleep = sleep
        self._config = config
        self._vault = vault
        self._zoom_app = zoom_app

    # --- signing in ---

    async def begin(self, redirect_uri: str) -> Begun:
        """Begin a sign-in. ConfigError without the app's keys, or without a usable key of our own."""
        client_id = self._config.require("connectors.zoom.client_id")
        self._config.require("connectors.zoom.client_secret")
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        now = self.clock()
        begun = Begun(
            oauth.authorize_url(
                self._config.connectors.zoom.oauth_url,
                client_id=client_id,
                redirect_uri=redirect_uri,
                state=state,
                verifier=verifier,
            ),
            _digest(state),
            redirect_uri,
            now + STATE_LIFE,
        )

        def note(connection: sa.Connection) -> None:
            signins.begin(connection, self._vault, begun.state, verifier, redirect_uri, now=now, until=begun.until)

        await self.database.write(note)
        return begun

    async def finish(self, query: Mapping[str, str]) -> None:
        """What the browser brought back becomes tokens, once; raises what went wrong, which `wait` then raises, too."""
        state = _digest(query.get("state", ""))
        try:
            found = await self.database.write(signins.use, self._vault, state, self.clock())
            if isinstance(found, str):
                what, hint = _WHY_NOT[found]
                raise _NotOursError(what, origin=ORIGIN, hint=f"{hint}: {oauth.CONNECT}")
            if query.get("error") or not query.get("code"):
                raise oauth.declined(query.get("error", ""))
            await _uninterrupted(self._exchange(query["code"], found, state))
        except _NotOursError:
            raise  # the outcome of the state, if it has one, stays
        except TajoError as error:
            await self.database.write(signins.conclude, state, problem_of(error))
            raise

    async def wait(self, begun: Begun) -> None:
        """Return when the sign-in is finished; raises why it was not."""
        while True:
            outcome = await self.database.read(signins.outcome, begun.state)
            if outcome is not None:
                if outcome["problem"] is not None:
                    raise error_of(outcome["problem"])
                return
            if self.clock() >= begun.until:
                raise CredentialError(
                    f"nobody came back from Zoom within {STATE_LIFE.seconds // 60} minutes",
                    origin=ORIGIN,
                    hint=f"{oauth.CONNECT} again, and choose Allow in the browser; Zoom shows an error there"
                    f" when {begun.redirect_uri} is no redirect URL of the app",
                )
            await self.sleep(LOOK_S)

    async def _exchange(self, code: str, found: signins.UnderWay, state: str) -> None:
        asked = self.clock()
        form = oauth.code_form(code, redirect_uri=found.redirect_uri, verifier=found.verifier)
        reply = await self._ask("/token", form)
        grant = oauth.read_grant(reply, asked, redirect_uri=found.redirect_uri)

        def keep(connection: sa.Connection) -> None:
            pair = _pair(grant, asked)
            signins.put(connection, self._vault, pair, version=_version(), now=self.clock())
            signins.conclude(connection, state, None)

        await self.database.write(keep)

    async def _ask(self, path: str, form: Mapping[str, str]) -> Reply:
        keys = (self._config.require(f"connectors.zoom.{name}") for name in ("client_id", "client_secret"))
        headers = {"authorization": basic(*keys)}
        try:
            async with (
                asyncio.timeout(ASK_S),
                Http(self._config.connectors.zoom.oauth_url, app=self._zoom_app) as http,
            ):
                return await http.send("POST", path, origin=ORIGIN, headers=headers, form=form)
        except TimeoutError:
            raise TransientError("Zoom's sign-in gives no answer", origin=ORIGIN, ambiguous=True) from None

    # --- what is kept ---

    async def known(self) -> Known | None:
        return await self.database.read(signins.known)

    async def load(self) -> tuple[Known, Pair] | None:
        return await self.database.read(signins.load, self._vault)

    async def identify(self, *, account_id: str, user_id: str, email: str) -> None:
        """Note whose sign-in it is."""

        def note(connection: sa.Connection) -> None:
            signins.identify(connection, account_id=account_id, user_id=user_id, email=email)

        await self.database.write(note)

    async def renew(self, known: Known, pair: Pair) -> bool:
        """Get the pair's successor, and keep it; False when another process does, or did meanwhile.

        SignInEndedError when Zoom renews it no more; the sign-in says so from then on, and nobody asks again.
        """
        holder, now = _version(), self.clock()

        def claim(connection: sa.Connection) -> bool:
            return signins.claim(connection, known.version, holder, now=now, until=now + LEASE)

        if not await self.database.write(claim):
            return False
        await _uninterrupted(self._renew(known, pair, holder))
        return True

    async def _renew(self, known: Known, pair: Pair, holder: str) -> None:
        asked = self.clock()
        try:
            grant = oauth.read_grant(await self._ask("/token", oauth.refresh_form(pair.refresh)), asked)
        except oauth.SignInEndedError as error:
            await self.database.write(signins.refuse, known.version, error.message)
            raise
        except BaseException:
            await self.database.write(signins.release, holder)
            raise

        def keep(connection: sa.Connection) -> bool:
            return signins.renew(connection, self._vault, _pair(grant, asked), before=known.version, version=_version())

        await self.database.write(keep)

    async def end(self) -> tuple[bool, str]:
        """Have Zoom revoke the tokens, and delete them here; whether there were any, and why Zoom was not told.

        They are deleted whatever Zoom says.
        """
        untold = ""
        try:
            found = await self.load()
            if found is not None:
                oauth.is_revoked(await self._ask("/revoke", {"token": found[1].access}), self.clock())
        except TajoError as error:
            untold = error.line()
        return await self.database.write(signins.forget), untold


class _NotOursError(CredentialError):
    """A state that nobody here gave out, or whose time or use is over."""


class UserTokens(SharedToken):
    """The sign-in's access token: from the database, renewed at 80 % of its life by one request of all processes."""

    def __init__(self, signed_in: SignIns) -> None:
        super().__init__(lambda: signed_in.clock())
        self._signins = signed_in
        self._version = ""
        self._refused = ""  # the version whose access token Zoom refused

    def invalidate(self, token: Token) -> None:
        if self._token is token:
            self._refused = self._version
        super().invalidate(token)

    async def _next(self) -> tuple[Token, datetime]:
        """The database's token if it is fresh, else the next one, by whoever asks for it."""
        patience = self._signins.clock() + 2 * LEASE
        while True:
            known, pair = await self._load()
            renew_at = pair.asked_at + RENEW_AT * (pair.expires_at - pair.asked_at)
            if known.version != self._refused and self._signins.clock() < renew_at:
                self._version = known.version
                return Token(pair.access, pair.expires_at, pair.scopes, oauth.level_of(pair.scopes)), renew_at
            if not await self._renewed(known, pair):
                if self._signins.clock() >= patience:
                    raise TransientError("another process is still renewing the Zoom sign-in", origin=ORIGIN)
                await self._signins.sleep(LOOK_S)

    async def _renewed(self, known: Known, pair: Pair) -> bool:
        try:
            return await self._signins.renew(known, pair)
        except oauth.SignInEndedError:
            now = await self._signins.known()
            if now is None or now.version == known.version:
                raise
            return True  # somebody signed in anew meanwhile, which ended the one before

    async def _load(self) -> tuple[Known, Pair]:
        found = await self._signins.load()
        if found is None:
            raise CredentialError("there is no Zoom sign-in any more", origin=ORIGIN, hint=oauth.CONNECT)
        if found[0].refused:
            raise oauth.SignInEndedError(found[0].refused, origin=ORIGIN, hint=f"{oauth.CONNECT} to connect again")
        return found


def _pair(grant: oauth.Grant, asked: datetime) -> Pair:
    return Pair(grant.token.value, grant.refresh, asked, grant.token.expires_at, grant.token.scopes)


def _digest(state: str) -> str:
    return sha256(state.encode()).hexdigest()


def _version() -> str:
    return secrets.token_hex(16)


async def _uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """The work's result; whoever is cancelled meanwhile waits for its end: an answer may hold the only valid token."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
