from __future__ import annotations
import time
import pytest
from datetime import timedelta
from typing import Any
from tajo.simulators.world import month
from tajo.store import runs
from tajo.workflows.engine import Engine
from tajo.workflows.sync import sync_workflow

pytestmark = pytest.mark.anyio

@pytest.mark.parametrize("seed", [7])
async def test_x(seed, simulators: Any, clock: Any, sqlite_database: Any) -> None:
    t=time.time()
    world = month(seed, now=clock.now)
    sims = simulators(world)
    print("world", time.time()-t)
    async with sims.services(sqlite_database) as services, Engine(sqlite_database, "sync", services) as engine:
        for n in range(3):
            t=time.time()
            rid=f"run{n}"
            await sqlite_database.write(runs.start, rid, {"since": str((clock.now - timedelta(days=32)).date()), "until": str(clock.now.date())}, clock.now)
            r = await engine.result(f"sync:{rid}:1", sync_workflow, rid)
            print(time.time()-t, clock.now, {k: v for k, v in r.items() if k not in ("occurrences", "writes")}, services.progress.limited, services.progress.calls)
            clock.forward(minutes=10)
