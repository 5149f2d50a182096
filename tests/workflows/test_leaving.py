"""The app is removed from the account: tokens and everything that was read go, what was written stays on record."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tajo.simulators.world import Stage
from tajo.simulators.zoom.webhooks import app_deauthorized, events_of
from tajo.store import inbox, letters, notes, runs, signins, tables
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.store.signins import Pair
from tajo.workflows import delivering, intake
from tajo.workflows.connecting import CONNECTED
from tajo.workflows.engine import Inline
from tajo.workflows.services import Services
from tajo.workflows.sync import synchronise
from tajo.workflows.worker import Worker

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
BEFORE = NOW - timedelta(days=1)
GONE = (
    "sessions",
    "instances",
    "stays",
    "registrations",
    "sightings",
    "recordings",
    "occurrences",
    "roster",
    "signins",
)


@dataclass
class Account:
    """A connected account, its webhooks, and the worker's side of a service."""

    services: Services
    box: Database
    world: Any
    vault: Vault

    @property
    def database(self) -> Database:
        return self.services.database

    def receive(self, events: Iterable[Any]) -> None:
        rows = []
        for each in events:
            body = json.dumps(each.body, ensure_ascii=False).encode()
            rows.append(
                {
                    "received_at": NOW,
                    "digest": sha256(body).hexdigest(),
                    "body": body,
                    "headers": {},
                    "state": inbox.WAITING,
                    "event": "",
                }
            )
        self.box.write_now(lambda c: c.execute(sa.insert(inbox.inbox), rows).rowcount)

    async def drain(self) -> None:
        # In batch mode the worker needs no engine: folding is all that it does.
        worker = Worker(self.services, None, self.box, name="w")  # type: ignore[arg-type]
        while await worker.drain_once():
            pass

    def counts(self, *names: str) -> dict[str, int]:
        """Table → its number of rows."""

        def count(connection: sa.Connection, name: str) -> int:
            table = tables.metadata.tables[name]
            return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() or 0)

        return {name: self.database.read_now(count, name) for name in names}

    def sign_in(self, at: datetime, *, user_id: str, scopes: frozenset[str]) -> None:
        pair = Pair("a", "r", at, at + timedelta(hours=1), scopes)

        def put(connection: sa.Connection) -> None:
            signins.put(connection, self.vault, pair, version="v", now=at)
            signins.identify(connection, account_id=self.world.account_id, user_id=user_id, email="")

        self.database.write_now(put)

    def bodies(self) -> int:
        """How many deliveries still have theirs."""
        there = sa.select(sa.func.count()).where(inbox.inbox.c.body.is_not(None))
        return int(self.box.read_now(lambda c: c.execute(there).scalar() or 0))

    def states(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for each in self.box.read_now(inbox.listed):
            found.setdefault(each.event, set()).add(each.state)
        return found


@pytest.fixture
async def account(
    simulators: Callable[..., Any], database: Database, tmp_path: Path, clock: Any
) -> AsyncIterator[Account]:
    """Connected yesterday, and synced once; a webinar with two people and its recording."""
    stage = Stage(5, NOW)
    webinar = stage.webinar("봄 웨비나", start=NOW - timedelta(days=3))
    people = [stage.names.person() for _ in range(2)]
    for person in people:
        webinar.register(person)
    held = webinar.hold()
    held.come(people[0], 0, 50)
    held.come(people[1], 5, 40)
    held.record()
    sims = simulators(stage.world())
    box = Database(f"sqlite:///{tmp_path / 'inbox.db'}") if database.sqlite else database
    box.write_now(inbox.metadata.create_all)
    async with sims.services(database, sims.config(zoom={"sync_mode": "batch"})) as services:
        await database.write(runs.start, "run", {"since": "2026-11-20", "until": "2026-11-24"}, BEFORE)
        await synchronise(services, Inline(), "run", deliver=delivering.deliver_run)
        await database.write(notes.put, CONNECTED, BEFORE.isoformat())
        yield Account(services, box, sims.zoom.world, Vault({}, tmp_path))
    if box is database:
        box.write_now(inbox.metadata.drop_all)
    else:
        box.close()


def removed(account: Account, at: datetime = NOW, **about: Any) -> Any:
    return app_deauthorized(account.world, at=at, **about)


async def test_tokens_facts_and_bodies_go_and_the_ledger_stays(account: Account) -> None:
    account.sign_in(BEFORE, user_id=account.world.users[0].id, scopes=frozenset({"user:read:user:admin"}))
    account.receive(events_of(account.world))
    await account.drain()
    before = account.counts(*GONE, "ledger", "runs")
    assert all(before.values())
    received = account.bodies()
    assert received == len(account.box.read_now(inbox.listed))
    account.receive([removed(account)])
    await account.drain()
    after = account.counts(*GONE, "ledger", "runs")
    assert after == {name: 0 for name in GONE} | {"ledger": before["ledger"], "runs": before["runs"]}
    rows = account.box.read_now(inbox.listed)
    assert len(rows) == received + 1
    assert account.bodies() == 0
    assert not [each for each in rows if each.uuid or each.registrant_id or each.participant_uuid]
    assert account.database.read_now(notes.get, CONNECTED) is None
    run = account.database.read_now(runs.last)
    assert run is not None
    assert run.summary is None
    (letter,) = account.database.read_now(letters.open_letters)
    assert "removed" in letter.reason
    assert "tajo connectors connect zoom" in letter.remedy


async def test_what_comes_late_brings_nothing_back(account: Account) -> None:
    """Events of before the removal, in its batch and after it, in any order."""
    events = events_of(account.world)
    middle = len(events) // 2
    account.receive([*events[:middle], removed(account)])
    await account.drain()
    account.receive(events[middle:])
    await account.drain()
    assert not any(account.counts(*GONE).values())
    states = account.states()
    late = {event.name for event in events[middle:]} - {event.name for event in events[:middle]}
    assert late
    assert all(states[name] == {inbox.IGNORED} for name in late)


async def test_folding_the_removal_twice_changes_nothing(account: Account) -> None:
    """A crash between the two files: the tables are empty already, the inbox is not."""
    account.receive([*events_of(account.world), removed(account)])
    opened, known = account.box.read_now(intake.take)
    intake.drop_duplicates(opened, known)
    nothing = {"settle_after": timedelta(), "enqueue": lambda *_: None, "now": NOW}
    account.database.write_now(lambda c: intake.fold(c, opened, **nothing))
    await account.drain()
    assert not any(account.counts(*GONE).values())
    assert account.bodies() == 0


@pytest.mark.parametrize(
    ("scopes", "who", "goes"),
    [
        ({"user:read:user"}, "owner", True),
        ({"user:read:user"}, "colleague", False),  # who removed the app for themselves
        ({"user:read:user:admin"}, "colleague", True),  # an administrator, who removed it for all
    ],
)
async def test_a_user_takes_only_their_own_sign_in_along(
    scopes: set[str], who: str, goes: bool, account: Account
) -> None:
    account.sign_in(BEFORE, user_id="owner", scopes=frozenset(scopes))
    account.receive([removed(account, user_id=who)])
    await account.drain()
    assert (account.database.read_now(signins.known) is None) == goes
    assert (account.counts("roster")["roster"] == 0) == goes
    assert account.states() == {"app_deauthorized": {inbox.HANDLED if goes else inbox.IGNORED}}


async def test_a_removal_of_before_the_last_connection_is_none(account: Account) -> None:
    """Zoom's retries come up to 85 minutes later: somebody may have connected anew meanwhile."""
    account.receive([removed(account, at=BEFORE - timedelta(minutes=1))])
    await account.drain()
    assert account.counts("roster")["roster"] > 0
    assert account.database.read_now(notes.get, CONNECTED)


async def test_another_accounts_removal_is_none_of_ours(account: Account) -> None:
    event = removed(account)
    event.body["payload"]["account_id"] = "another"
    account.receive([event])
    await account.drain()
    assert account.counts("roster")["roster"] > 0
    assert account.states() == {"app_deauthorized": {inbox.IGNORED}}
