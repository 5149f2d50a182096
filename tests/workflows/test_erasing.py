"""Erasing on both databases: what is under way, other people's rows, and hosts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tajo.core.errors import UsageError
from tajo.core.facts import Kind
from tajo.core.plan import Delivered
from tajo.simulators.world import Stage
from tajo.simulators.zoom.webhooks import events_of
from tajo.store import enginerows, facts, inbox, ledger, rosters, runs, tables
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.workflows import erasing, exporting, sync
from tajo.workflows.engine import Engine
from tajo.workflows.erasing import address, erase

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
HER = "nora.lind@mail.example"


@pytest.fixture
async def bench_(
    bench: Callable[..., Any], database: Database, tmp_path: Path, stage: Stage
) -> AsyncIterator[tuple[Any, Database, Any]]:
    """A sync of a webinar that Nora and Lee registered for and came to, and its webhooks in the inbox."""
    database.vault = Vault({}, tmp_path)
    people = {
        name: stage.names.person(email=f"{name.lower()}.lind@mail.example", first_name=name, last_name="Lind", phone="")
        for name in ("Nora", "Lee")
    }
    webinar = stage.webinar("봄", start=NOW - timedelta(days=2))
    for person in people.values():
        webinar.register(person)
    held = webinar.hold()
    for person in people.values():
        held.come(person, 5, 50)
    world = stage.world()
    box = Database(f"sqlite:///{tmp_path / 'inbox.db'}") if database.sqlite else database
    box.write_now(inbox.metadata.create_all)
    bodies = [json.dumps(each.body).encode() for each in events_of(world)]
    rows = [
        {"received_at": NOW, "digest": sha256(body).hexdigest(), "body": body, "headers": {}, "state": inbox.HANDLED}
        for body in bodies
    ]
    box.write_now(lambda c: c.execute(sa.insert(inbox.inbox), rows))
    async with bench(world, database=database) as b:
        await b.sync()
        yield b, box, webinar
    if box is database:
        box.write_now(inbox.metadata.drop_all)
    else:
        box.close()


def everything(*databases: Database) -> str:
    """Every row of every table."""
    found = []
    for database in databases:
        for table in [*tables.metadata.sorted_tables, inbox.inbox]:
            if database.read_now(lambda c, name=table.name: sa.inspect(c).has_table(name)):
                found.append(database.read_now(rows_of, table))
    return "\n".join(found)


def rows_of(connection: sa.Connection, table: sa.Table) -> str:
    """As plain tuples: a row's own text leaves the middle of long values out."""
    return repr([tuple(row) for row in connection.execute(sa.select(table))])


async def test_everything_of_one_and_nothing_of_the_other(bench_: Any) -> None:
    b, box, _ = bench_
    assert HER in everything(b.database, box)
    receipt, person = await erase(b.database, box, HER, everywhere=False, now=NOW)
    left = everything(b.database, box)
    assert not [each for each in (HER, "Nora", *person.ids) if each in left]
    assert receipt.deleted == {"stays": 1, "registrations": 1, "roster": 1, "ledger": 1}
    assert (receipt.webhooks, receipt.unreadable, receipt.notes) == (3, True, [])
    (line,) = b.database.read_now(rosters.lines_of, "lee.lind@mail.example")
    assert line.entry.outcome == "attended"
    assert len(b.database.read_now(facts.load_stays, line_instances(b))) == 2  # Lee's and the host's


def line_instances(b: Any) -> list[str]:
    (held,) = b.database.read_now(rosters.held)
    return list(held.instances)


async def test_a_sync_that_was_under_way_brings_nobody_back(bench_: Any) -> None:
    """It had planned and imported already: what it then records of her is not kept, and the receipt says so."""
    b, box, _ = bench_
    number = await b.start()
    b.database.write_now(runs.add_people, number, [HER])
    opened = ledger.Import(7, NOW, frozenset({15}), (Delivered(HER, {}, frozenset({15})),))
    b.database.write_now(ledger.open_import, opened)
    receipt, _ = await erase(b.database, box, HER, everywhere=False, now=NOW)
    assert receipt.notes == [erasing.LATER]
    assert {"run_people", "import_rows"} <= receipt.deleted.keys()
    b.database.write_now(ledger.settle_import, 7, opened.rows, NOW)
    summary = await b.carry_out(number)
    assert (summary["erased"], summary["created"], summary["letters_arisen"]) == (1, 0, 0)
    assert HER not in everything(b.database, box)


async def test_who_comes_back_after_an_undo_is_written_anew(bench_: Any) -> None:
    b, box, _ = bench_
    await erase(b.database, box, HER, everywhere=False, now=NOW)
    del b.brevo.contacts[HER]
    assert (await b.sync())["created"] == 0
    b.database.write_now(erasing.erasures.forget, HER)
    assert (await b.sync())["created"] == 1
    assert HER in b.brevo.contacts


async def test_a_host_is_erased_and_the_session_stays(bench_: Any) -> None:
    """The session has no host any more, also after it was read again; everybody else is there."""
    b, box, webinar = bench_
    host = webinar.session.host.email
    receipt, _ = await erase(b.database, box, host, everywhere=False, now=NOW)
    assert receipt.changed.keys() >= {"sessions", "occurrences"}
    assert (await b.sync())["erased"] == 1
    assert host not in everything(b.database, box)
    session = b.database.read_now(facts.load_session, Kind.WEBINAR, str(webinar.session.id))
    assert (session.host_email, session.staff) == ("", ())
    assert len(b.database.read_now(rosters.emails_on, [each.key for each in b.database.read_now(rosters.held)])) == 2


async def test_the_engine_forgets_them_too(
    bench: Callable[..., Any], database: Database, tmp_path: Path, stage: Stage
) -> None:
    """A sync by the engine records the names in review; a workflow whose id has the address goes as a whole."""
    database.vault = Vault({}, tmp_path)
    her = stage.names.person(email=HER, first_name="Nora", last_name="Lind", phone="", country="US", zoom_id="")
    other = stage.names.person(email="lee@mail.example", phone="")
    plan = stage.webinar("Webinar", start=NOW - timedelta(days=2))
    for person in (her, other):
        plan.register(person)
    held = plan.hold()
    held.come(other, 0, 30)
    held.come(her, 0, 30, email="", registrant_id="", name="Lind Nora")
    async with bench(stage.world(), database=database) as b, Engine(database, "sync", b.services) as engine:
        for id_, number in (("sync:1", await b.start()), (f"follow-up:{HER}", await b.start())):
            assert "problem" not in await engine.result(id_, sync.sync_workflow, number)
        assert all(each in recorded(database) for each in ("Lind Nora", HER))
        receipt, _ = await erase(database, None, HER, everywhere=False, now=NOW)
        assert receipt.workflows > 2
        assert not [each for each in ("Nora", HER) if each in recorded(database)]
        assert "sync:1" in recorded(database)


def recorded(database: Database) -> str:
    """Every row of the engine's tables."""
    return "\n".join(database.read_now(rows_of, table) for table in database.read_now(enginerows._tables))


async def test_erasing_twice_finds_nothing_the_second_time(bench_: Any) -> None:
    b, box, _ = bench_
    await erase(b.database, box, HER, everywhere=True, now=NOW)
    receipt, _ = await erase(b.database, box, HER, everywhere=False, now=NOW + timedelta(days=1))
    assert (receipt.deleted, receipt.changed, receipt.webhooks, receipt.workflows) == ({}, {}, 0, 0)


async def test_an_export_tells_of_one_person(bench_: Any) -> None:
    b, box, _ = bench_
    told = await exporting.export(b.services.config, b.database, box, HER, NOW)
    assert told is not None
    text = json.dumps(told, default=str)
    assert "lee.lind" not in text
    assert told["rows"].keys() == {"stays", "registrations", "roster", "ledger"}
    assert len(told["webhooks"]) == 3
    assert await exporting.export(b.services.config, b.database, box, "who@mail.example", NOW) is None


@pytest.mark.parametrize("text", ["", "@", "name", "a b@x.example", "a\n@x.example", f"{'a' * 320}@x.example"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError):
        address(text)
