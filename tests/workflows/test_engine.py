"""The durable engine: one holder a role, steps that are done once, whatever dies in between."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOS

from tajo import logs
from tajo.core.errors import TajoError
from tajo.store import notes
from tajo.store.database import Database
from tajo.workflows.engine import Durable, Engine, Inline, bounded, workflow
from tajo.workflows.roles import BusyError, role_lock

pytestmark = pytest.mark.anyio

# --- a workflow that nobody can follow ---


@workflow("crashing-in-test")
async def crashing(text: str) -> Any:
    raise KeyError(text)


async def test_an_error_that_nobody_expected_is_logged_by_its_place(
    sqlite_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not by its text, which may be anything; whoever awaits the result gets it as before."""
    async with Engine(sqlite_database, "sync", None) as engine:
        with logs.started(level="info"), pytest.raises(Exception, match="kim"):
            await engine.result("crash-1", crashing, "kim@mail.example")
    told = json.loads(capsys.readouterr().err)
    assert (told["event"], told["name"], told["error"]) == ("workflow.crashed", "crashing-in-test", "KeyError")
    assert told["where"][0].endswith(":crashing")


# --- whose process it is ---


async def test_a_process_has_one_engine(sqlite_database: Database) -> None:
    """DBOS is one a process: a second one would take the first one's place."""
    async with Engine(sqlite_database, "serve", None):
        with pytest.raises(BusyError) as caught:
            async with Engine(sqlite_database, "sync", None):
                pass
        assert "already" in caught.value.message
    async with Engine(sqlite_database, "sync", None):
        pass


async def test_the_loops_threads_are_there_afterwards(sqlite_database: Database) -> None:
    """A program that has synced goes on with its own work in the same event loop."""
    async with Engine(sqlite_database, "sync", None) as engine:
        await engine.result("counted-1", in_a_thread)
        assert await asyncio.to_thread(lambda: 1) == 1
    assert await asyncio.to_thread(lambda: 2) == 2


@workflow("in-a-thread-in-test")
async def in_a_thread() -> Any:
    return await Durable().run("one", _one)


async def _one() -> Any:
    return 1


# --- roles ---

HOLD = """
    import sys
    from tajo.store.database import Database
    from tajo.workflows.roles import role_lock

    with role_lock(Database(sys.argv[1]), "sync"):
        print("held", flush=True)
        sys.stdin.readline()
"""


def hold(script: Callable[..., Any], url: str) -> Any:
    process = script(HOLD, url)
    assert process.stdout.readline() == "held\n", process.stderr.read()
    return process


def test_a_second_holder_is_told_that_one_is_running_until_it_is_killed(
    database: Database, script: Callable[..., Any]
) -> None:
    process = hold(script, database.url.render_as_string(hide_password=False))
    with pytest.raises(BusyError) as caught, role_lock(database, "sync"):
        pass
    assert "another sync is running" in caught.value.line()
    assert caught.value.exit_code == 1
    if database.sqlite:
        assert f"process {process.pid}," in caught.value.line()
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    for _ in range(200):  # Postgres notices that the client is gone a moment later
        with suppress(BusyError), role_lock(database, "sync"):
            return
        time.sleep(0.02)
    pytest.fail("the role is still held")


def test_roles_do_not_exclude_one_another(database: Database) -> None:
    with role_lock(database, "sync"), role_lock(database, "serve"):
        pass


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """The same database as another process has it open."""
    opened = Database(database_url)
    yield opened
    opened.close()


def test_a_role_is_free_again_afterwards(database: Database, other: Database) -> None:
    for _ in range(2):
        with role_lock(database, "sync"), pytest.raises(BusyError), role_lock(other, "sync"):
            pass
        with role_lock(other, "sync"):
            pass


def test_a_role_is_free_again_after_a_failure(database: Database, other: Database) -> None:
    with pytest.raises(ValueError, match="inside"), role_lock(database, "sync"):
        raise ValueError("inside")
    with role_lock(other, "sync"):
        pass


def test_databases_do_not_exclude_one_another(sqlite_database: Database, tmp_path: Path) -> None:
    with (
        closing(Database(f"sqlite:///{tmp_path / 'other.db'}")) as another,
        role_lock(sqlite_database, "sync"),
        role_lock(another, "sync"),
    ):
        pass


def test_the_lock_file_is_its_owners_alone(sqlite_database: Database, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with role_lock(sqlite_database, "sync"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "tajo.db.sync.lock").stat().st_mode) == 0o600


# --- several at once ---


class Meter:
    """Work that takes a few turns of the loop, and knows how much of it went on at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.ended: list[Any] = []

    async def work(self, item: Any) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            for _ in range(3 + (item % 3 if isinstance(item, int) else 0)):
                await asyncio.sleep(0.001)
        finally:
            self.now -= 1
        self.ended.append(item)
        return item * 10


async def test_so_many_jobs_at_once_and_results_in_their_order() -> None:
    meter = Meter()
    results = await bounded([partial(meter.work, n) for n in range(20)], 4)
    assert results == [n * 10 for n in range(20)]
    assert meter.most == 4


async def test_the_first_failure_stops_the_rest() -> None:
    meter = Meter()

    async def fail() -> None:
        await asyncio.sleep(0.002)
        raise ValueError("the first one")

    with pytest.raises(ValueError, match="the first one"):
        await bounded([fail, *(partial(meter.work, n) for n in range(50))], 2)
    assert meter.now == 0
    assert len(meter.ended) < 50


async def test_giving_up_stops_all() -> None:
    meter = Meter()
    running = asyncio.ensure_future(bounded([partial(meter.work, n) for n in range(50)], 5))
    await asyncio.sleep(0.002)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert meter.now == 0
    assert len(meter.ended) < 50


async def test_no_jobs_are_no_work() -> None:
    assert await bounded([], 3) == []


async def test_inline_steps_are_simply_done() -> None:
    meter = Meter()
    assert await Inline().run("one", meter.work, 3) == 30
    assert await Inline().each("more", meter.work, [1, 2, 3, 4], at_once=2) == [10, 20, 30, 40]
    assert meter.most == 2


# --- durable workflows ---


@workflow("test.steps")
async def steps_workflow(count: int) -> Any:
    """A step, then several at once, by what `Engine.services` holds."""
    steps, meter = Durable(), Engine.services
    first = await steps.run("first", meter.work, 0)
    more = await steps.each("more", meter.work, list(range(1, count)), at_once=3)
    return {"first": first, "more": more}


@workflow("test.failing")
async def failing_workflow() -> Any:
    async def fail() -> None:
        raise ValueError("a step failed")

    return await Durable().run("fail", fail)


async def test_a_workflow_runs_its_steps_a_few_at_once(database: Database, other: Database) -> None:
    """On SQLite and on Postgres, beside our own tables; and the role is held meanwhile."""
    meter = Meter()
    async with Engine(database, "sync", meter) as engine:
        result = await engine.result("w1", steps_workflow, 12)
        assert result == {"first": 0, "more": [n * 10 for n in range(1, 12)]}
        assert meter.most == 3
        assert await engine.result("w1", steps_workflow, 12) == result  # the same id is the same run
        assert len(meter.ended) == 12
        with pytest.raises(BusyError), role_lock(other, "sync"):
            pass
    assert Engine.services is None
    with role_lock(other, "sync"):
        pass


async def test_an_ended_workflow_is_remembered_by_the_next_process(sqlite_database: Database) -> None:
    for meter in (Meter(), Meter()):
        async with Engine(sqlite_database, "sync", meter) as engine:
            assert (await engine.result("w1", steps_workflow, 3))["more"] == [10, 20]
    assert meter.ended == []


async def test_a_failing_step_fails_its_workflow(sqlite_database: Database) -> None:
    async with Engine(sqlite_database, "sync", None) as engine:
        with pytest.raises(ValueError, match="a step failed"):
            await engine.result("w1", failing_workflow)


async def test_our_own_writes_go_on_beside_the_engine(sqlite_database: Database) -> None:
    """Both write the same file."""
    async with Engine(sqlite_database, "sync", Meter()) as engine:
        running = asyncio.ensure_future(engine.result("w1", steps_workflow, 30))
        for n in range(60):
            await sqlite_database.write(notes.put, f"n{n}", n)
        assert len((await running)["more"]) == 29


async def test_an_engine_that_could_not_start_leaves_its_role(
    database: Database, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_launch() -> None:
        raise OSError("no more processes")

    with monkeypatch.context() as patched:
        patched.setattr(DBOS, "launch", no_launch)
        with pytest.raises(OSError, match="no more"):
            async with Engine(database, "sync", None):
                pass
    async with Engine(other, "sync", Meter()) as engine:
        assert (await engine.result("w1", steps_workflow, 1))["first"] == 0


async def test_a_second_engine_says_who_runs(sqlite_url: str, script: Callable[..., Any]) -> None:
    process = hold(script, sqlite_url)
    with closing(Database(sqlite_url)) as database, pytest.raises(TajoError) as caught:
        async with Engine(database, "sync", None):
            pass
    assert f"process {process.pid}" in caught.value.message


# --- a crash between any two steps ---

CRASHING = """
    import asyncio, json, os, sys
    from tajo.store.database import Database
    from tajo.workflows.engine import Durable, Engine, workflow

    url, path, crash_at = sys.argv[1:]

    def note(line):
        with open(path, "a") as log:
            log.write(line + "\\n")

    async def work(item):
        await asyncio.sleep(0.01 * (item % 3))
        if str(item) == crash_at:
            await asyncio.sleep(0.5)  # until the steps beside it are recorded: those that are not are done again
            os._exit(9)
        note(f"did {item}")
        return item * 10

    @workflow("crashing")
    async def crashing(name):
        note("began")
        steps = Durable()
        first = await steps.run("first", work, 1)
        more = await steps.each("more", work, [2, 3, 4, 5, 6, 7], at_once=2)
        last = await steps.run("last", work, 8)
        return {"name": name, "sum": first + sum(more) + last, "more": more}

    async def main():
        database = Database(url)
        async with Engine(database, "sync", None) as engine:
            print(json.dumps(await engine.result("w1", crashing, "김")), flush=True)
        database.close()

    asyncio.run(main())
"""


def run(process: Any, log: Path) -> tuple[int, str, list[str]]:
    """What a process ended with, said, and noted down so far."""
    said, complaints = process.communicate(timeout=60)
    return process.returncode, said + complaints, log.read_text().split("\n")[:-1]


def test_steps_that_were_done_are_not_done_again(sqlite_url: str, script: Callable[..., Any], tmp_path: Path) -> None:
    """One process dies amid several steps, one in the last; the third comes to the end."""
    log = tmp_path / "log"
    for crash_at in (5, 8):
        status, said, lines = run(script(CRASHING, sqlite_url, log, crash_at), log)
        assert (status, f"did {crash_at}" in lines) == (9, False), said
    once_each(*run(script(CRASHING, sqlite_url, log, 0), log), began=3)


def test_steps_that_were_done_are_not_done_again_on_postgres(
    postgres_url: str, script: Callable[..., Any], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    assert run(script(CRASHING, postgres_url, log, 5), log)[0] == 9
    once_each(*run(script(CRASHING, postgres_url, log, 0), log), began=2)


def once_each(status: int, said: str, lines: list[str], *, began: int) -> None:
    assert status == 0, said
    assert json.loads(said) == {"name": "김", "sum": 360, "more": [20, 30, 40, 50, 60, 70]}
    assert lines.count("began") == began
    assert sorted(line for line in lines if line != "began") == [f"did {n}" for n in range(1, 9)]
