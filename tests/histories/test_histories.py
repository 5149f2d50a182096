"""Five hundred histories, or those of TAJO_HISTORY_SEEDS ("1234", "0-9999"): what is promised holds after each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tajo.store import inbox
from tajo.store.database import Database

from .history import BEGIN, LISTS, History, draw
from .playing import Fuse, Mortal, Player, Trap
from .verdict import Verdict
from .world import shown, staged, webhooks

pytestmark = pytest.mark.anyio

USUAL, AT_ONCE = "0-499", 10
first, _, last = os.environ.get("TAJO_HISTORY_SEEDS", USUAL).partition("-")
SEEDS = range(int(first), int(last or first) + 1)
CHUNKS = [SEEDS[at : at + AT_ONCE] for at in range(0, len(SEEDS), AT_ONCE)]
TEMPLATE = 12


def rules(history: History) -> list[dict[str, Any]]:
    """One of each kind, with the session in the mail to tell what it is about."""
    send = {"send": {"template": TEMPLATE, "params": {"session": "session_id"}}}
    wait = {rule: f"{minutes}m" for rule, minutes in history.waits.items()}
    return [
        {"name": "welcome", "when": "webinar.registered", **send},
        {"name": "thanks", "when": "webinar.attended", "wait": wait["thanks"], **send},
        {"name": "sorry", "when": "webinar.no_show", "wait": wait["sorry"], **send},
        {"name": "replay", "when": "recording.ready", "to": ["attended", "no_show"], "wait": wait["replay"], **send},
    ]


@pytest.fixture(scope="session")
def empty_inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inbox") / "inbox.db"
    database = Database(f"sqlite:///{path}", schema=inbox.SCHEMA)
    database.migrate()
    database.close()
    return path


@pytest.fixture
def judge(
    tmp_path: Path, migrated: Callable[..., Any], empty_inbox: Path, simulators: Callable[..., Any], clock: Any
) -> Callable[[int], Any]:
    """Plays the history of a seed; what is wrong afterwards, and the whole story."""

    async def one(seed: int) -> tuple[list[str], list[str], Verdict]:
        history, fuse = draw(seed), Fuse()
        world, numbers = staged(history)
        steps = sorted([*history.steps, *webhooks(history, world, numbers)], key=lambda step: step.at)
        paths = [
            shutil.copyfile(source, tmp_path / f"{name}{seed}.db")
            for name, source in (("main", migrated()), ("box", empty_inbox))
        ]
        database = Mortal(f"sqlite:///{paths[0]}", fuse)
        box = Mortal(f"sqlite:///{paths[1]}", fuse, schema=inbox.SCHEMA)
        sims = simulators(world, at=type(clock)(BEGIN), zoom=history.report)
        sims.brevo.add_list(LISTS["webinar_no_shows"], "webinar_no_shows")
        sims.brevo.add_template(TEMPLATE)
        sims.brevo.app = Trap(sims.brevo.app, fuse)
        more = {"consent": history.consent} if history.consent else {}
        settings = sims.config(zoom={"lists": LISTS, "settle": {"every": "10m"}}, follow_ups=rules(history), **more)
        try:
            async with sims.services(database, settings) as services:
                player = Player(history, sims, database, box, services)
                await player.play(steps)
                verdict = Verdict(history, steps, numbers, player)
                return verdict.problems(), told(history, steps, player), verdict
        finally:
            for each in (database, box):
                each.close()

    return one


def told(history: History, steps: Any, player: Player) -> list[str]:
    lines = [repr(each) for each in history.meetings]
    lines += [f"consent {history.consent}, answers {history.answers}, report {history.report}, waits {history.waits}"]
    return [*lines, *sorted([*map(shown, steps), *player.told])]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seeds", CHUNKS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
async def test_what_is_promised_holds_after_any_history(seeds: range, judge: Callable[[int], Any]) -> None:
    wrong = []
    for seed in seeds:
        problems, story, _ = await judge(seed)
        if problems:
            print(*(f"seed {seed}: {each}" for each in problems), sep="\n", flush=True)
            again = f"TAJO_HISTORY_SEEDS={seed} pytest tests/histories"
            wrong.append("\n".join([again, *story, "", *(f"WRONG: seed {seed}: {each}" for each in problems)]))
    assert not wrong, "\n\n".join(wrong)
