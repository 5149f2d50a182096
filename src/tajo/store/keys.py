"""Keys that secrets in the database are sealed with, where they come from, and how they are replaced.

A sealed text is "KEYID:base64(nonce + AES-256-GCM)". Its table, column and row are sealed in with it, so a text that
is moved to another row opens no more.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tajo.core.errors import ConfigError

KEY_BYTES = 32
NONCE_BYTES = 12
FILE_NAME = "tajo.key"
VARIABLE, FILE_VARIABLE = "TAJO_KEY", "TAJO_KEY_FILE"

_MAKE = "`openssl rand -base64 32` makes a key"


@dataclass(frozen=True, slots=True)
class Key:
    """One key. Its `id` tells nothing of it, and is written in front of everything that it seals."""

    value: bytes = field(repr=False)

    @property
    def id(self) -> str:
        return sha256(b"tajo key id" + self.value).hexdigest()[:8]

    @property
    def text(self) -> str:
        return base64.b64encode(self.value).decode()


@dataclass(frozen=True, slots=True)
class Place:
    """A column of a row, as sealed in with its text."""

    table: str
    column: str
    row: str

    @property
    def bound(self) -> bytes:
        return "\x1f".join((self.table, self.column, self.row)).encode()


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys in use, the current one first: that one seals, every one opens."""

    keys: tuple[Key, ...]
    source: str  # "TAJO_KEY", or the file's path

    @property
    def current(self) -> Key:
        return self.keys[0]

    def seal(self, text: str, place: Place) -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self.current.value).encrypt(nonce, text.encode(), place.bound)
        return f"{self.current.id}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: Place) -> str:
        """ConfigError when the key is another one, or the text was changed or moved."""
        id_, _, rest = sealed.partition(":")
        key = next((each for each in self.keys if each.id == id_), None)
        if key is None:
            raise ConfigError(
                f"{place.table}.{place.column} is sealed with the key {id_}, and the key here is {self.current.id}",
                origin=self.source,
                hint="put the old key back; where it is lost, run `tajo connectors disconnect zoom` and connect again",
            )
        try:
            raw = base64.b64decode(rest, validate=True)
            return AESGCM(key.value).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.bound).decode()
        except (InvalidTag, ValueError):
            raise ConfigError(
                f"{place.table}.{place.column} does not open: it was changed, or belongs to another row",
                origin="database",
                hint="run `tajo connectors disconnect zoom`, then connect again",
            ) from None


class Vault:
    """Where the keys are: TAJO_KEY, else the file that TAJO_KEY_FILE names, else `tajo.key` in a folder.

    Several keys, apart by a blank, comma or line, are the current one and older ones that still open. They are read
    anew for each use: a rotation by another process counts at once.
    """

    def __init__(self, variables: Mapping[str, str], folder: Path) -> None:
        self._text = variables.get(VARIABLE, "").strip()
        named = variables.get(FILE_VARIABLE, "").strip()
        self.named = bool(named)
        self.file = None if self._text else Path(named) if named else folder / FILE_NAME

    def __repr__(self) -> str:
        return f"Vault({self.source})"

    @property
    def source(self) -> str:
        return VARIABLE if self.file is None else str(self.file)

    @property
    def exists(self) -> bool:
        """Whether there is a key, usable or not."""
        return self.file is None or self.file.exists()

    def keyring(self, *, create: bool = False) -> Keyring:
        """The keys. With `create` a missing `tajo.key` is made, readable for its owner only; else ConfigError."""
        if self.file is None:
            return Keyring(_keys(self._text, VARIABLE), VARIABLE)
        text = _read(self.file)
        if text is None and create and not self.named:
            _create(self.file, _line(Key(secrets.token_bytes(KEY_BYTES))))
            text = _read(self.file)
        if text is None:
            raise ConfigError(
                "the key file is not there",
                origin=str(self.file),
                hint=_MAKE if self.named else "put it back; where it is lost, disconnect zoom and connect again",
            )
        return Keyring(_keys(text, str(self.file)), str(self.file))

    def begin_rotation(self) -> Keyring:
        """A keyring whose first key is a new one; written before anything is sealed with it.

        With TAJO_KEY, which nobody but the operator can change, the new key is the one they put in front.
        """
        before = self.keyring()
        if self.file is None:
            if len(before.keys) < 2:
                raise ConfigError(
                    "there is one key only, and a variable cannot be written",
                    origin=VARIABLE,
                    hint=f"set {VARIABLE} to the new key, a comma and the old one, then run it again; {_MAKE}",
                )
            return before
        new = Key(secrets.token_bytes(KEY_BYTES))
        _replace(self.file, "".join(map(_line, (new, *before.keys))))
        return self.keyring()

    def end_rotation(self, ring: Keyring) -> None:
        """Forget the older keys: nothing is sealed with them any more."""
        if self.file is not None:
            _replace(self.file, _line(ring.current))


def _line(key: Key) -> str:
    return key.text + "\n"


def _keys(text: str, source: str) -> tuple[Key, ...]:
    words = text.replace(",", " ").split()
    found = tuple(dict.fromkeys(Key(value) for word in words if (value := _decoded(word)) is not None))
    if not found or any(_decoded(word) is None for word in words):
        raise ConfigError("is no key of 32 bytes in base64 or hex", origin=source, hint=_MAKE)
    return found


def _decoded(word: str) -> bytes | None:
    try:
        if len(word) == 2 * KEY_BYTES:
            return bytes.fromhex(word)
        value = base64.b64decode(word.translate(str.maketrans("-_", "+/")) + "=" * (-len(word) % 4), validate=True)
    except (ValueError, binascii.Error):
        return None
    return value if len(value) == KEY_BYTES else None


def _read(path: Path) -> str | None:
    """The file's text, None if there is no such file."""
    try:
        with path.open("rb") as stream:
            return stream.read(16_384).decode("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from None


def _create(path: Path, text: str) -> None:
    """Make the file, whole or not at all; where somebody else was quicker, theirs stays."""
    made = _written(path, text)
    try:
        os.link(made, path)
    except FileExistsError:
        pass
    except OSError as error:
        raise _unusable(path, error) from None
    finally:
        made.unlink()


def _replace(path: Path, text: str) -> None:
    """Put a new file in the old one's place: at every moment there is one or the other."""
    made = _written(path, text)
    try:
        made.replace(path)
    except OSError as error:
        made.unlink()
        raise _unusable(path, error) from None
    _flush(path.parent)


def _written(path: Path, text: str) -> Path:
    """A file beside `path` with the text, on the disk, of mode 0600."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    except OSError as error:
        raise _unusable(path, error) from None
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    return Path(name)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unusable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"the key file cannot be used ({error.strerror})",
        origin=str(path),
        hint=f"check its permissions and folder, or set {VARIABLE}",
    )
