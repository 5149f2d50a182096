"""Who only ever runs `tajo sync` has the same retention as a service."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tajo import app
from tajo.config.load import load
from tajo.store import inbox

CANARY = b"raw-canary-of-a-webhook"


def test_a_sync_forgets_what_is_too_old(desk: Callable[..., Any]) -> None:
    """Old bodies are in no file any more, new ones are; records of workflows of last week are gone."""
    here = desk()
    assert here.tajo("sync", "zoom").code == 0
    box = app.open_inbox(load(here.folder / "tajo.yml", env={}))
    now = datetime.now(UTC)
    rows = [
        {"received_at": now - timedelta(days=days), "digest": str(days), "body": CANARY + str(days).encode() * 9,
         "headers": {}, "state": "handled"}
        for days in (31, 29)
    ]  # fmt: skip
    box.write_now(lambda c: c.execute(sa.insert(inbox.inbox), rows))
    box.close()
    with closing(sqlite3.connect(here.folder / "tajo.db")) as database:
        database.execute("UPDATE workflow_status SET completed_at = completed_at - 8 * 86400000")
        database.commit()
        (before,) = database.execute("SELECT count(*) FROM workflow_status").fetchone()
        assert before > 0
        assert here.tajo("sync", "zoom").code == 0
        (after,) = database.execute("SELECT count(*) FROM workflow_status").fetchone()
    assert after == 1
    files = b"".join(path.read_bytes() for path in here.folder.glob("tajo-inbox.db*"))
    assert CANARY + b"31" not in files
    assert CANARY + b"29" in files
