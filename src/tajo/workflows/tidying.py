"""What is past its retention goes: bodies of webhooks, the engine's records, counts of calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import anyio.to_thread

from tajo.store import budgets, inbox
from tajo.store.compact import empty_log
from tajo.store.database import Database
from tajo.workflows.engine import forget_ended
from tajo.workflows.services import Services

WORKFLOWS_KEPT = timedelta(days=7)  # ended ones, with their steps: for looking at


async def tidy(
    services: Services, box: Database | None, forget_workflows: Callable[[datetime], object] | None = None
) -> None:
    """Forget what is too old by now. `box` is the inbox, None where there is none yet.

    `forget_workflows` forgets those that ended before a time; without it, a client of the engine is opened for that.
    """
    now = services.clock()
    if box is not None:
        forgotten = await box.write(inbox.forget_bodies, now - services.config.retention.raw_payloads)
        if forgotten:
            await anyio.to_thread.run_sync(empty_log, box)
    await services.database.write(budgets.tidy, now)
    forget = forget_workflows or partial(forget_ended, services.database)
    await anyio.to_thread.run_sync(forget, now - WORKFLOWS_KEPT)
