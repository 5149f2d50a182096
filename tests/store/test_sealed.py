"""Secrets by name: sealed in the database, and sealed anew when the key changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tajo.core.errors import ConfigError
from tajo.store import sealed, signins
from tajo.store.database import Database
from tajo.store.keys import Vault


def test_a_secret_is_kept_sealed_and_the_first_stays(database: Database, tmp_path: Path) -> None:
    vault = Vault({}, tmp_path)
    for text in ("first", "second"):
        database.write_now(sealed.put_new, "x", text, vault)
    kept = database.read_now(sealed.sealed, "x")
    assert kept is not None
    assert "first" not in kept
    assert sealed.opened(kept, "x", vault.keyring()) == "first"
    with pytest.raises(ConfigError):
        sealed.opened(kept, "y", vault.keyring())
    database.write_now(sealed.forget, "x")
    assert database.read_now(sealed.sealed, "x") is None


def test_a_rotation_seals_it_anew(database: Database, tmp_path: Path) -> None:
    vault = Vault({}, tmp_path)
    database.write_now(sealed.put_new, "x", "secret", vault)
    ring = vault.begin_rotation()
    assert database.write_now(signins.reseal, ring) == 1
    vault.end_rotation(ring)
    kept = database.read_now(sealed.sealed, "x")
    assert kept is not None
    assert sealed.opened(kept, "x", vault.keyring()) == "secret"
