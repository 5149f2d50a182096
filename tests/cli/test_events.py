"""`tajo events list|show|replay`: what was received, for people and for programs; and looking makes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine

from tajo.store import inbox
from tajo.store.database import Database

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
KEYS = ["id", "event", "object_uuid", "participant_uuid", "registrant_id", "received_at", "status", "reason"]
STATES = ("waiting", "handled", "duplicate", "ignored", "quarantined", "failed")
EVIL = "evil\x1b[31m\r\nBcc: x\u202e[/red]"


@contextmanager
def box(folder: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{folder / 'tajo-inbox.db'}", schema=inbox.SCHEMA, every_commit=True)
    opened.migrate()
    yield opened
    opened.close()


def put(folder: Path, *states: str, at: datetime = NOW, body: bytes | None = None, **more: Any) -> None:
    """Deliveries in these states, an hour apart, the last one at `at`."""
    rows = []
    for number, state in enumerate(states):
        received = at - timedelta(hours=len(states) - 1 - number)
        raw = (
            body if body is not None else json.dumps({"event": "meeting.started", "n": f"{received} {number}"}).encode()
        )
        row = {"received_at": received, "digest": sha256(raw + str(received).encode()).hexdigest(), "body": raw}
        rows.append(row | {"headers": {"x-zm-request-id": "r-1"}, "state": state, "event": "meeting.started"} | more)
    with box(folder) as opened:
        opened.write_now(lambda c: c.execute(sa.insert(inbox.inbox), rows))


def states(folder: Path) -> list[str]:
    with box(folder) as opened:
        return [each.state for each in reversed(opened.read_now(inbox.listed))]


@pytest.fixture
def here(desk: Callable[..., Any]) -> Any:
    made = desk()
    with time_machine.travel(NOW, tick=True):
        yield made


@pytest.fixture
def filled(here: Any) -> Any:
    """Six deliveries with ids 1 to 6, one an hour, one in each state."""
    put(here.folder, *STATES)
    return here


# --- where nothing is ---


@pytest.mark.parametrize(
    ("args", "code", "out"),
    [
        (("list",), 0, "nothing received yet\n"),
        (("list", "--json"), 0, ""),
        (("list", "--since", "2h", "--status", "failed"), 0, "nothing received that fits\n"),
        (("replay", "--status", "failed"), 0, "0 will be handled again\n"),
        (("replay", "--status", "failed", "--json"), 0, '{"ids": [], "replayed": 0}\n'),
        (("replay", "--status", "failed", "--dry-run"), 0, None),
        (("show", "1"), 1, ""),
        (("replay", "1"), 1, ""),
    ],
)
def test_looking_makes_no_database(args: tuple[str, ...], code: int, out: str | None, here: Any) -> None:
    before = here.files()
    ran = here.tajo("events", *args)
    assert ran.code == code, ran.err
    assert out is None or ran.out == out
    assert here.files() == before
    if code:
        assert "there is no event 1" in ran.error


def test_no_configuration_is_needed(here: Any) -> None:
    (here.folder / "tajo.yml").unlink()
    put(here.folder, "handled")
    assert len(here.tajo("events", "list").out.splitlines()) == 1


# --- listing ---


def test_one_line_of_json_an_event_newest_first(filled: Any) -> None:
    ran = filled.tajo("events", "list", "--json")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert [list(row) for row in rows] == [KEYS] * 6
    assert [row["id"] for row in rows] == [6, 5, 4, 3, 2, 1]
    assert [row["status"] for row in rows] == list(reversed(STATES))
    assert rows[0]["received_at"] == "2026-11-24T09:30:00+00:00"
    assert rows[5]["received_at"] == "2026-11-24T04:30:00+00:00"


def test_what_it_is_about_is_told(here: Any) -> None:
    more = {"uuid": "u==", "participant_uuid": "P-1", "registrant_id": "r1", "reason": "tells the same as 7"}
    put(here.folder, "duplicate", **more)
    assert here.tajo("events", "list", "--json").json == {
        "id": 1,
        "event": "meeting.started",
        "object_uuid": "u==",
        "participant_uuid": "P-1",
        "registrant_id": "r1",
        "received_at": "2026-11-24T09:30:00+00:00",
        "status": "duplicate",
        "reason": "tells the same as 7",
    }
    line = here.tajo("events", "list").out
    for told in ("1  2026-11-24 09:30:00", "duplicate", "meeting.started", "u==", "tells the same as 7"):
        assert told in line


def ids(ran: Any) -> list[int]:
    assert ran.code == 0, ran.err
    return [json.loads(line)["id"] for line in ran.out.splitlines()]


@pytest.mark.parametrize("status", STATES)
def test_by_status(status: str, filled: Any) -> None:
    assert ids(filled.tajo("events", "list", "--json", "--status", status)) == [STATES.index(status) + 1]


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2026-11-24", [6, 5, 4, 3, 2, 1]),
        ("2026-11-25", []),
        ("2026-11-24T08:30", [6, 5]),
        ("2026-11-24T08:30:00Z", [6, 5]),
        ("2026-11-24T17:30:00+09:00", [6, 5]),
        ("90m", [6, 5]),
        ("2h", [6, 5, 4]),
        ("1d", [6, 5, 4, 3, 2, 1]),
    ],
)
def test_since_a_time_or_so_long_ago(since: str, expected: list[int], filled: Any) -> None:
    """Times without an offset are UTC. A minute is allowed for the test itself."""
    with time_machine.travel(NOW - timedelta(minutes=1), tick=True):
        assert ids(filled.tajo("events", "list", "--json", "--since", since)) == expected


@pytest.mark.parametrize("since", ["", "soon", "d", "2w", "-2h", "２h", "2026-13-01", "9999999999d", "9" * 5000 + "d"])
def test_a_time_that_is_none(since: str, filled: Any) -> None:
    for args in (("list",), ("replay",)):
        ran = filled.tajo("events", *args, f"--since={since}")
        assert ran.code == 2
        assert "is no time for --since" in ran.error
    assert states(filled.folder) == list(STATES)


def test_at_most_so_many(filled: Any) -> None:
    assert ids(filled.tajo("events", "list", "--json", "--limit", "2")) == [6, 5]
    put(filled.folder, *["handled"] * 60, at=NOW - timedelta(days=9))
    assert len(ids(filled.tajo("events", "list", "--json"))) == 50
    assert len(ids(filled.tajo("events", "list", "--json", "--limit", "100"))) == 66


@pytest.mark.parametrize(
    "args", [("--limit", "0"), ("--limit", "-1"), ("--limit", "many"), ("--status", "done"), ("7",)]
)
def test_what_cannot_be_meant(args: tuple[str, ...], filled: Any) -> None:
    assert filled.tajo("events", "list", *args).code == 2


# --- showing ---


def test_one_event_as_it_was_received(here: Any) -> None:
    body = '{"event":"meeting.started","payload":{"object":{"topic":"봄"}}}'
    put(here.folder, "handled", body=body.encode())
    ran = here.tajo("events", "show", "1", "--json")
    assert ran.code == 0
    assert list(ran.json) == [*KEYS, "headers", "body"]
    assert (ran.json["body"], ran.json["headers"]) == (body, {"x-zm-request-id": "r-1"})
    told = here.tajo("events", "show", "1").out
    assert told.splitlines()[-1] == body
    for part in ("id: 1", "event: meeting.started", "status: handled", "x-zm-request-id: r-1"):
        assert part in told.splitlines()


def test_a_body_whose_retention_is_over(filled: Any) -> None:
    with box(filled.folder) as opened:
        assert opened.write_now(inbox.forget_bodies, NOW + timedelta(days=1)) == 5
    assert filled.tajo("events", "show", "2", "--json").json["body"] is None
    assert "retention is over" in filled.tajo("events", "show", "2").out


def test_a_body_that_is_no_text(here: Any) -> None:
    put(here.folder, "quarantined", body=b"\xff\x00{")
    assert here.tajo("events", "show", "1").code == 0
    assert here.tajo("events", "show", "1", "--json").json["body"] == "\ufffd\0{"


def test_nothing_received_moves_the_terminal(here: Any) -> None:
    """Control and escape characters, directions and markup are shown as harmless text."""
    put(here.folder, "handled", body=EVIL.encode(), reason=EVIL, uuid=EVIL)
    for args in (("list",), ("show", "1")):
        out = here.tajo("events", *args).out
        assert not set(out) & {"\x1b", "\r", "\u202e"}
        assert "[/red]" in out


@pytest.mark.parametrize(("number", "code"), [("7", 1), ("9223372036854775807", 1), ("9" * 30, 2), ("0", 2), ("x", 2)])
@pytest.mark.parametrize("command", ["show", "replay"])
def test_a_number_that_no_event_has(command: str, number: str, code: int, filled: Any) -> None:
    ran = filled.tajo("events", command, number)
    assert (ran.code, ran.out) == (code, "")
    if code == 1:
        assert f"there is no event {number}" in ran.error
        assert "tajo events list" in ran.error
    assert states(filled.folder) == list(STATES)


# --- replaying ---


def replayed(folder: Path) -> list[bool]:
    with box(folder) as opened:
        return [each.replayed_at is not None for each in reversed(opened.read_now(inbox.listed))]


@pytest.mark.parametrize("number", range(1, 7))
def test_one_is_handled_again_whatever_its_state(number: int, filled: Any) -> None:
    ran = filled.tajo("events", "replay", str(number))
    assert (ran.code, ran.out) == (0, "1 will be handled again\n")
    expected = list(STATES)
    expected[number - 1] = "waiting"
    assert states(filled.folder) == expected
    assert [n for n, each in enumerate(replayed(filled.folder), 1) if each] == [number]


def test_those_of_a_state_and_a_time(filled: Any) -> None:
    put(filled.folder, "failed", at=NOW - timedelta(days=3))
    ran = filled.tajo("events", "replay", "--status", "failed", "--since", "1d", "--json")
    assert ran.json == {"ids": [6], "replayed": 1}
    ran = filled.tajo("events", "replay", "--status", "failed", "--json")
    assert ran.json == {"ids": [7], "replayed": 1}


def test_a_dry_run_only_shows(filled: Any) -> None:
    before = filled.tajo("events", "list", "--json").out
    ran = filled.tajo("events", "replay", "--since", "3h", "--dry-run")
    assert (ran.code, ran.out) == (0, "3 would be handled again: 4, 5, 6\n")
    assert filled.tajo("events", "replay", "5", "--dry-run", "--json").json == {"ids": [5], "replayed": 0}
    assert filled.tajo("events", "list", "--json").out == before
    assert not any(replayed(filled.folder))


def test_those_without_a_body_are_told_apart(filled: Any) -> None:
    with box(filled.folder) as opened:
        opened.write_now(inbox.forget_bodies, NOW - timedelta(hours=1, minutes=30))
    ran = filled.tajo("events", "replay", "--since", "1d")
    assert (ran.code, ran.out) == (0, "3 will be handled again; 3 have no body any more\n")
    assert states(filled.folder) == ["waiting", "handled", "duplicate", "ignored", "waiting", "waiting"]


@pytest.mark.parametrize("args", [(), ("1", "--since", "1d"), ("1", "--status", "failed"), ("--dry-run",)])
def test_it_has_to_be_said_which(args: tuple[str, ...], filled: Any) -> None:
    ran = filled.tajo("events", "replay", *args)
    assert ran.code == 2
    assert "give an id, or --since and --status" in ran.error
    assert states(filled.folder) == list(STATES)


# --- when it does not work ---


def test_an_inbox_of_a_newer_version_is_left_alone(filled: Any) -> None:
    with box(filled.folder) as opened:
        opened.write_now(lambda c: c.execute(sa.text("UPDATE inbox_version SET version_num = '9999'")))
    for args in (("list",), ("show", "1"), ("replay", "1")):
        ran = filled.tajo("events", *args)
        assert ran.code == 3
        assert "newer version of Tajo" in ran.error


def test_a_file_that_is_no_database(here: Any) -> None:
    (here.folder / "tajo-inbox.db").write_text("connectors: {}\n" * 100)
    ran = here.tajo("events", "list")
    assert ran.code == 5
    assert "not a database" in ran.error


def test_on_postgres(here: Any, postgres_url: str) -> None:
    """The same database as everything else."""
    here.configure(database_url=postgres_url)
    assert here.tajo("events", "list").out == "nothing received yet\n"
    opened = Database(postgres_url, schema=inbox.SCHEMA)
    row = {"received_at": NOW, "digest": "d", "body": b"{}", "headers": {}, "state": "handled"}
    opened.write_now(lambda c: c.execute(sa.insert(inbox.inbox), [row]))
    opened.close()
    assert here.tajo("events", "replay", "1", "--json").json == {"ids": [1], "replayed": 1}
    assert here.tajo("events", "list", "--json").json["status"] == "waiting"
    assert here.tajo("events", "show", str(2**63 - 1)).code == 1
    assert not list(here.folder.glob("*.db"))
