"""What workflows work with, and how `app` builds it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo import app
from tajo.core.errors import ConfigError
from tajo.core.outcome import Settle
from tajo.simulators.world import Stage
from tajo.store import rosters, runs
from tajo.store.database import Database
from tajo.workflows.engine import Engine
from tajo.workflows.progress import Counter
from tajo.workflows.services import SILENCE, utc_now
from tajo.workflows.sync import exit_code, sync_workflow

pytestmark = pytest.mark.anyio

# --- services ---


async def test_the_mapping_is_in_fields_and_without_the_address(bench: Any) -> None:
    settings = {"field_mapping": {"email": "email", "duration": "SECONDS", "question": {"How come?": "WHY"}}}
    async with bench(settings=settings) as b:
        assert [(field.name, attribute) for field, attribute in b.services.mapping] == [
            ("duration", "SECONDS"),
            ('question: "How come?"', "WHY"),
        ]


async def test_rules_come_from_the_configuration(bench: Any) -> None:
    zoom = {
        "exclude": {"hosts": False, "panelists": True, "domains": ["Corp.Example"]},
        "unknown_above": "25%",
        "settle": {"after": "2m", "every": "10m", "deadline": "3h"},
    }
    async with bench(settings={"zoom": zoom}) as b:
        rules = b.services.rules
        assert (rules.exclude_hosts, rules.exclude_panelists, rules.unknown_above) == (False, True, 0.25)
        assert rules.exclude_domains == {"corp.example"}
        assert b.services.settle == Settle(timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=3))


async def test_a_vendor_that_said_nothing_for_a_minute_is_silent(bench: Any) -> None:
    async with bench() as b:
        assert b.services.is_silent("zoom")
        b.services.answered["zoom"] = b.clock()
        b.clock.forward(seconds=SILENCE.total_seconds() - 1)
        assert not b.services.is_silent("zoom")
        b.clock.forward(seconds=1)
        assert b.services.is_silent("zoom")


# --- progress ---


def test_calls_are_counted_by_vendor_and_label() -> None:
    counter = Counter()
    for vendor, label, status in (("zoom", "light", 200), ("zoom", "heavy", 429), ("brevo", "contacts", 0)):
        counter.called(vendor, "origin", label, status)
    counter.phase("sessions", 3)
    counter.step()
    counter.waits("a limit", utc_now())
    assert counter.calls == {"zoom.light": 1, "zoom.heavy": 1, "brevo.contacts": 1}
    assert counter.limited == {"zoom.heavy": 1}
    assert (counter.total("zoom"), counter.total("brevo"), counter.total("webex")) == (2, 1, 0)


# --- built by `app` ---


def test_the_database_is_opened_and_migrated(config: Callable[..., Any], tmp_path: Path) -> None:
    database = app.open_database(config(database_url=f"sqlite:///{tmp_path / 'new.db'}"))
    assert database.is_current()
    database.close()


@pytest.mark.parametrize("lacking", ["account_id", "client_id", "client_secret"])
def test_credentials_are_asked_for_by_name(config: Callable[..., Any], lacking: str) -> None:
    with pytest.raises(ConfigError, match=lacking):
        app.require_zoom(config(zoom={lacking: None}))


def test_a_connector_that_is_switched_off_says_so(config: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="switched off"):
        app.require_zoom(config(zoom={"enabled": False}))


async def test_an_account_without_brevos_key_is_named(config: Callable[..., Any], sqlite_database: Database) -> None:
    with pytest.raises(ConfigError, match=r"brevo\.api_key"):
        async with app.services(config(brevo={"api_key": None}), sqlite_database):
            pass


async def test_a_sync_over_real_sockets_in_real_time(simulators: Callable[..., Any], sqlite_database: Database) -> None:
    """As a command does it: both vendors served, `app.services`, the engine; Zoom refuses no call by a limit."""
    stage = Stage(11, utc_now())
    plan = stage.webinar("Yesterday", start=stage.now - timedelta(days=1))
    people = [stage.names.person() for _ in range(12)]
    for person in people:
        plan.register(person)
    held = plan.hold()
    for person in people[:8]:
        held.come(person, 5, 50)
    sims = simulators(stage.world(), plan="business", at=utc_now)
    with sims.served() as places:
        settings = sims.config(zoom={**places["zoom"], "plan": "business"}, brevo=places["brevo"])
        async with app.services(settings, sqlite_database) as services:
            day = (stage.now - timedelta(days=2)).date().isoformat()
            asked = {"since": day, "until": stage.now.date().isoformat()}
            await sqlite_database.write(runs.start, "r1", asked, utc_now())
            async with Engine(sqlite_database, "sync", services) as engine:
                summary = await engine.result("sync:r1:1", sync_workflow, "r1")
            counted = services.progress
    assert exit_code(summary) == 0, summary
    assert (summary["created"], summary["outcomes"]["attended"], summary["outcomes"]["no_show"]) == (12, 8, 4)
    assert set(sims.brevo.contacts) == {person.email for person in people}
    assert sims.zoom.calls.count(status=429) == 0
    assert counted.total("zoom") == len([call for call in sims.zoom.calls if call.label])
    assert counted.total("brevo") == len(sims.brevo.calls)
    assert set(services.answered) == {"zoom", "brevo"}
    assert len(sqlite_database.read_now(rosters.held)) == 1
