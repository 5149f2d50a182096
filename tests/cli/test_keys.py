"""`tajo keys`: what seals what, and a rotation that loses nothing."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tajo.store import signins
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.store.signins import Pair

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
TOKENS = Pair("CANARY-access", "CANARY-refresh", NOW, NOW + timedelta(hours=1), frozenset())
OLD, NEW = (base64.b64encode(letter * 32).decode() for letter in (b"o", b"n"))


@pytest.fixture
def here(desk: Any) -> Any:
    made = desk()
    assert made.tajo("connectors", "connect", "zoom").code == 0  # which makes the database
    return made


def put(here: Any, variables: dict[str, str] | None = None) -> None:
    database = Database("sqlite:///tajo.db")
    vault = Vault(variables or {}, Path())
    database.write_now(lambda c: signins.put(c, vault, TOKENS, version="v1", now=NOW))
    database.close()


def stored(variables: dict[str, str] | None = None) -> Pair:
    database = Database("sqlite:///tajo.db")
    try:
        found = database.read_now(signins.load, Vault(variables or {}, Path()))
    finally:
        database.close()
    assert found is not None
    return found[1]


def test_show_tells_ids_and_never_a_key(here: Any) -> None:
    assert here.tajo("keys", "show", "--json").json == {"source": "tajo.key", "current": None, "older": [], "used": {}}
    put(here)
    told = here.tajo("keys", "show", "--json").json
    assert told["used"] == {told["current"]: 2}
    shown = here.tajo("keys", "show")
    key = (here.folder / "tajo.key").read_text().strip()
    assert told["current"] in shown.out
    assert key not in shown.out + shown.err


def test_rotate_replaces_the_key_in_its_file(here: Any) -> None:
    put(here)
    before = (here.folder / "tajo.key").read_text()
    old = here.tajo("keys", "show", "--json").json["current"]
    ran = here.tajo("keys", "rotate", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["resealed"] == 2
    told = here.tajo("keys", "show", "--json").json
    assert told["used"] == {ran.json["current"]: 2}
    assert old not in (told["current"], *told["older"])
    after = (here.folder / "tajo.key").read_text()
    assert before.strip() not in after
    assert stored() == TOKENS
    assert here.tajo("keys", "rotate").code == 0
    assert stored() == TOKENS


def test_a_killed_rotation_is_simply_run_again(here: Any) -> None:
    """Killed after the new key was written: everything still opens; the next rotation leaves one key."""
    put(here)
    Vault({}, here.folder).begin_rotation()
    assert stored() == TOKENS
    assert here.tajo("keys", "show", "--json").json["older"]
    assert here.tajo("keys", "rotate").code == 0
    assert here.tajo("keys", "show", "--json").json["older"] == []
    assert stored() == TOKENS


def test_a_key_in_the_environment_is_put_in_front_first(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAJO_KEY", OLD)
    put(here, {"TAJO_KEY": OLD})
    assert not (here.folder / "tajo.key").exists()
    alone = here.tajo("keys", "rotate")
    assert alone.code == 3
    assert "TAJO_KEY" in alone.error
    monkeypatch.setenv("TAJO_KEY", f"{NEW},{OLD}")
    ran = here.tajo("keys", "rotate")
    assert ran.code == 0, ran.err
    assert "only the first key" in ran.out
    assert OLD not in ran.out + ran.err
    assert stored({"TAJO_KEY": NEW}) == TOKENS


def test_a_key_may_stand_in_dotenv(here: Any) -> None:
    (here.folder / ".env").write_text(f"TAJO_KEY={OLD}\n")
    put(here, {"TAJO_KEY": OLD})
    assert here.tajo("keys", "show", "--json").json["source"] == "TAJO_KEY"
    assert here.tajo("sync", "zoom").code == 4  # the sign-in counts, and Zoom knows none of its tokens


@pytest.mark.parametrize("command", [("keys", "rotate"), ("sync", "zoom"), ("keys", "show")])
def test_a_lost_key_is_one_clear_line(command: tuple[str, ...], here: Any) -> None:
    put(here)
    (here.folder / "tajo.key").unlink()
    ran = here.tajo(*command)
    assert ran.code == 3
    assert "tajo.key" in ran.error
    (here.folder / "tajo.key").write_text(NEW)
    if command != ("keys", "show"):
        ran = here.tajo(*command)
        assert ran.code == 3
        assert "sealed with the key" in ran.error
    else:
        assert "THIS KEY IS NOT HERE" in here.tajo(*command).out
