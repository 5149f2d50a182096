"""What `tajo connectors connect` does and says."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tajo.cli.options import plain, print_json
from tajo.core.errors import ConfigError, TajoError, UsageError

if TYPE_CHECKING:
    from tajo.config.model import Config
    from tajo.store.database import Database
    from tajo.workflows.services import Services
    from tajo.workflows.signin import SignIns
    from tajo.workflows.subscribing import Outcome, Setup

FEATURES = {
    "participants": "meetings and who came (sync.participants)",
    "webinars": "webinars (sync.webinars)",
    "recordings": "recordings (sync.recordings; nothing else breaks without)",
    "engagement": "polls and Q&A (nothing else breaks without)",
    "webhooks": "webhooks (tajo serve)",
}


class Connecting:
    """One run of the command. `given` are credentials from the command line; `browser`: one may be opened."""

    def __init__(self, config: Config, *, given: Mapping[str, str | None], as_json: bool, browser: bool) -> None:
        self.config = config
        self.given = {name: value for name, value in given.items() if value}
        self.as_json = as_json
        self.browser = browser
        self.waits_for = ""

    def run(self, *, oauth: bool, wait: bool) -> int:
        """Do it; the exit code."""
        import anyio

        from tajo import app

        if oauth and "account_id" in self.given:
            raise UsageError("--oauth signs in as a user, --account-id as the account", hint="give one of the two")
        app.require_zoom(self.config, signed_in=True if oauth else None)
        try:
            return anyio.run(self._connect, oauth, wait)
        except KeyboardInterrupt:
            if not self.waits_for:
                raise
            click.echo(f"no longer waiting for {self.waits_for}; the same command waits again", err=True)
            return 130

    def say(self, text: str = "") -> None:
        """Talk: on stderr where stdout is for data."""
        click.echo(text, err=self.as_json)

    async def _connect(self, oauth: bool, wait: bool) -> int:
        from tajo import app

        if wait:
            self._require_address()
        database = app.open_database(self.config)
        try:
            sign_ins = app.sign_ins(self.config, database)
            if oauth:
                await self._sign_in(database, sign_ins)
            elif "account_id" in self.given and await sign_ins.known() is not None:
                raise UsageError(
                    "a user is signed in, and would be used instead of the account",
                    hint="run `tajo connectors disconnect zoom` first",
                )
            async with app.services(self.config, database) as services:
                return await self._set_up(services, sign_ins if oauth else None, wait)
        finally:
            database.close()

    async def _set_up(self, services: Services, new_sign_in: SignIns | None, wait: bool) -> int:
        from tajo import app
        from tajo.workflows import connecting, subscribing

        if new_sign_in is not None:
            self.say(f"signed in as {plain(await connecting.identify(services, new_sign_in)) or 'a user'}")
        done = await connecting.connect(services)
        wanted = await subscribing.setup(services)
        since = services.clock()
        running = bool(await subscribing.where_it_runs(self.config, services.database, since))
        box = app.inbox_if_any(self.config)
        try:
            outcome = await subscribing.subscribe(
                services, wanted, running=running, validated_at=await subscribing.last_validated(box)
            )
            done["webhook"] = wanted.json() | {"subscription": outcome.json()}
            if not self.as_json:
                _show(wanted)
                self._tell(done, outcome)
            if wait:
                # A challenge of before the refusal is the one that Zoom did not take.
                passed = await self._wait(services, box, services.clock() if outcome.failed else since, wanted, running)
                if outcome.failed:
                    outcome = _passed_after_all(outcome, passed)
                    done["webhook"]["subscription"] = outcome.json()
                    self.say(f"webhooks: {outcome.text}")
                    self.say(f"    → {outcome.remedy}")
        finally:
            if box is not None:
                box.close()
        if self.as_json:
            print_json(done)
        else:
            click.echo("Next: `tajo plan zoom --since 30d` shows what a sync would write.")
        return 1 if outcome.failed else 0

    def _tell(self, done: dict[str, Any], outcome: Outcome) -> None:
        click.echo(f"zoom is connected (since {done['connected_at'][:16]} UTC)")
        if done["created_attributes"]:
            click.echo(f"created in Brevo, attributes: {', '.join(done['created_attributes'])}")
        for each in done["created_lists"]:
            click.echo(f"created in Brevo, list {each['id']}: {plain(each['name'])}")
        click.echo(f"webhooks: {outcome.text}")
        if outcome.remedy:
            click.echo(f"    → {outcome.remedy}")
        click.echo(f"opt-outs: {done['opt_outs']['text']}")
        if done["opt_outs"]["remedy"]:
            click.echo(f"    → {done['opt_outs']['remedy']}")
        if self.given:
            click.echo(
                "For later commands put what you gave into .env: ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET."
            )

    def _require_address(self) -> None:
        from tajo.workflows import subscribing

        if not self.config.server.public_url:
            raise ConfigError(
                "server.public_url is not set",
                origin=self.config.origin("server.public_url"),
                hint=subscribing.LACKS_ADDRESS,
            )

    async def _wait(
        self, services: Services, box: Database | None, since: datetime, wanted: Setup, running: bool
    ) -> datetime:
        from tajo.workflows import subscribing

        if not running or box is None:
            raise TajoError("no service answers", origin="zoom.webhook", hint=subscribing.START)
        self.waits_for = "Zoom's challenge"
        already = await subscribing.last_validated(box)
        if already is None or already <= since:
            self.say(f"waiting for Zoom's challenge at {wanted.url}: press Validate on the app's page (Ctrl-C stops)")
        passed = await subscribing.wait_for_challenge(box, since, clock=services.clock, sleep=services.sleep)
        self.waits_for = ""
        self.say(f"✓ Zoom's challenge was passed at {passed:%H:%M:%S} UTC: the address is validated")
        return passed

    # --- signing in ---

    async def _sign_in(self, database: Database, sign_ins: SignIns) -> None:
        from tajo.workflows import subscribing
        from tajo.workflows.signin import CALLBACK

        where = await subscribing.where_it_runs(self.config, database, sign_ins.clock())
        public = self.config.server.public_url
        if where and public:
            await self._in_browser(sign_ins, f"{public}{CALLBACK}")
        elif where == "here":
            await self._in_browser(sign_ins, f"{subscribing.local_address(self.config)}{CALLBACK}")
        else:
            async with _listening(sign_ins, self.config) as address:
                await self._in_browser(sign_ins, f"{address}{CALLBACK}")

    async def _in_browser(self, sign_ins: SignIns, redirect_uri: str) -> None:
        import webbrowser

        import anyio.to_thread

        begun = await sign_ins.begin(redirect_uri)
        self.say("Open this address in a browser and choose Allow; it is good for ten minutes:")
        self.say(f"\n  {begun.url}\n")
        self.say(f"The app needs this OAuth Redirect URL, on its allow list, too: {redirect_uri}")
        if self.browser:
            await anyio.to_thread.run_sync(webbrowser.open, begun.url, abandon_on_cancel=True)
        self.waits_for = "the sign-in"
        await sign_ins.wait(begun)
        self.waits_for = ""


def _passed_after_all(refused: Outcome, passed: datetime) -> Outcome:
    """Subscribing was refused, and then somebody validated the address: what is left to do is theirs."""
    return replace(
        refused,
        state="validated",
        text=f"Zoom refused the subscription at first, and validated the address at {passed:%H:%M} UTC after all",
        remedy="where you pressed Validate on the app's page, save it there too",
    )


def _show(wanted: Setup) -> None:
    """What belongs on the app's page; missing scopes are marked, one a line."""
    from tajo.workflows.subscribing import LACKS_ADDRESS

    click.echo("On the app's page in the Zoom App Marketplace:")
    click.echo(f"\n  address for webhooks: {wanted.url or f'none yet: {LACKS_ADDRESS}'}")
    click.echo("\n  events:")
    for event in wanted.events:
        click.echo(f"    {event}")
    for feature, title in FEATURES.items():
        if mine := [scope for scope in wanted.scopes if scope.feature == feature]:
            click.echo(f"\n  scopes for {title}:")
        for scope in mine:
            click.echo(f"    {scope.name}{'' if scope.granted else '   ✗ missing'}")
    click.echo()


@asynccontextmanager
async def _listening(sign_ins: SignIns, config: Config) -> AsyncIterator[str]:
    """A server for the callback alone, on this machine and the service's port; its address."""
    import asyncio

    import uvicorn
    from starlette.applications import Starlette

    from tajo.web.oauth import callback

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:  # Ctrl-C is the command's
            yield

    host = config.server.host if config.server.host == "localhost" else "127.0.0.1"
    listener = _bind(host, config.server.port)
    server = Server(
        uvicorn.Config(
            Starlette(routes=[callback(sign_ins)]),
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            log_level="critical",
            timeout_graceful_shutdown=2,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait({serving}, timeout=5)
        listener.close()


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(16)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"port {port} cannot be had for Zoom's answer ({error.strerror})",
            origin="server.port",
            hint="set server.port to a free one, or start `tajo serve` and connect again",
        ) from None
    return listener
