"""Keys: sealing binds a text to its place, keys come from variable or file, and are replaced without a gap."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo.core.errors import ConfigError
from tajo.store.keys import Key, Keyring, Place, Vault

OLD, NEW = Key(b"o" * 32), Key(b"n" * 32)
HERE = Place("signins", "refresh_token", "zoom")


def ring(*keys: Key) -> Keyring:
    return Keyring(keys, "TAJO_KEY")


@given(st.text(max_size=200))
def test_what_is_sealed_opens_again(text: str) -> None:
    sealed = ring(OLD).seal(text, HERE)
    assert ring(OLD).open(sealed, HERE) == text
    assert ring(OLD).seal(text, HERE) != sealed  # another nonce each time


@pytest.mark.parametrize(
    "elsewhere",
    [
        Place("signins", "refresh_token", "other"),
        Place("signins", "access_token", "zoom"),
        Place("signin_states", "refresh_token", "zoom"),
    ],
)
def test_a_sealed_text_opens_in_its_own_place_only(elsewhere: Place) -> None:
    sealed = ring(OLD).seal("secret", HERE)
    with pytest.raises(ConfigError, match="does not open") as told:
        ring(OLD).open(sealed, elsewhere)
    assert told.value.exit_code == 3


def test_a_changed_text_does_not_open() -> None:
    id_, _, rest = ring(OLD).seal("secret", HERE).partition(":")
    raw = bytearray(base64.b64decode(rest))
    raw[-1] ^= 1
    with pytest.raises(ConfigError, match="does not open"):
        ring(OLD).open(f"{id_}:{base64.b64encode(raw).decode()}", HERE)
    with pytest.raises(ConfigError, match="does not open"):
        ring(OLD).open(f"{id_}:%%%", HERE)


def test_another_key_is_named_by_its_id() -> None:
    sealed = ring(OLD).seal("secret", HERE)
    with pytest.raises(ConfigError) as told:
        ring(NEW).open(sealed, HERE)
    assert OLD.id in told.value.message
    assert NEW.id in told.value.message
    assert told.value.origin == "TAJO_KEY"
    assert ring(NEW, OLD).open(sealed, HERE) == "secret"  # an older key still opens


@pytest.mark.parametrize(
    "text",
    [
        OLD.text,
        f"  {OLD.text}\n",
        OLD.text.rstrip("="),
        base64.urlsafe_b64encode(OLD.value).decode(),
        OLD.value.hex(),
        f"{OLD.text},{NEW.text}",
        f"{OLD.text} {OLD.text}",
    ],
)
def test_a_key_in_the_environment_is_base64_or_hex(text: str, tmp_path: Path) -> None:
    found = Vault({"TAJO_KEY": text, "TAJO_KEY_FILE": "/nowhere"}, tmp_path).keyring()
    assert found.current == OLD
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["short", OLD.text[:-4], f"{OLD.text},no", "ü" * 44, "0" * 63])
def test_what_is_no_key_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no key of 32 bytes") as told:
        Vault({"TAJO_KEY": text}, tmp_path).keyring()
    assert text not in told.value.line()
    (tmp_path / "tajo.key").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"tajo\.key|no key of 32 bytes"):
        Vault({}, tmp_path).keyring()


def test_a_key_is_not_printed(tmp_path: Path) -> None:
    vault = Vault({"TAJO_KEY": OLD.text}, tmp_path)
    assert OLD.text not in f"{vault!r} {vault.keyring()!r} {OLD!r}"
    assert OLD.id not in OLD.text


def test_the_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    vault = Vault({}, tmp_path)
    with pytest.raises(ConfigError, match="not there"):
        vault.keyring()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: Vault({}, tmp_path).keyring(create=True).current, range(16)))
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tajo.key"]
    assert stat.S_IMODE((tmp_path / "tajo.key").stat().st_mode) == 0o600
    assert vault.keyring().current == found[0]


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    """A mounted secret that is missing is a mistake, not a reason to make another key."""
    named = tmp_path / "mounted"
    vault = Vault({"TAJO_KEY_FILE": str(named)}, tmp_path)
    with pytest.raises(ConfigError) as told:
        vault.keyring(create=True)
    assert told.value.origin == str(named)
    named.write_text(NEW.text)
    assert vault.keyring().current == NEW


def test_a_rotation_keeps_the_old_key_until_it_is_done(tmp_path: Path) -> None:
    vault = Vault({}, tmp_path)
    old = vault.keyring(create=True).current
    turning = vault.begin_rotation()
    assert turning.keys[1:] == (old,)
    assert vault.keyring() == turning
    again = Vault({}, tmp_path).begin_rotation()  # as after a kill
    assert set(again.keys) > set(turning.keys)
    vault.end_rotation(again)
    assert vault.keyring().keys == (again.current,)
    assert [path.name for path in tmp_path.iterdir()] == ["tajo.key"]
    assert stat.S_IMODE((tmp_path / "tajo.key").stat().st_mode) == 0o600


def test_a_variable_is_rotated_by_its_owner(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        Vault({"TAJO_KEY": OLD.text}, tmp_path).begin_rotation()
    assert "TAJO_KEY" in told.value.hint
    assert Vault({"TAJO_KEY": f"{NEW.text},{OLD.text}"}, tmp_path).begin_rotation().keys == (NEW, OLD)
