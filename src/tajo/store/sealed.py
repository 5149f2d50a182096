"""Secrets by name, sealed with the encryption key: see store/keys.py."""

from __future__ import annotations

import sqlalchemy as sa

from tajo.store.keys import Keyring, Place, Vault
from tajo.store.signins import before_sealing
from tajo.store.tables import secrets
from tajo.store.upsert import insert


def put_new(connection: sa.Connection, name: str, text: str, vault: Vault) -> None:
    """Keep a secret; one that is there already stays."""
    before_sealing(connection)
    row = {"name": name, "value": vault.keyring(create=True).seal(text, _place(name))}
    connection.execute(insert(connection, secrets).values(row).on_conflict_do_nothing(index_elements=["name"]))


def sealed(connection: sa.Connection, name: str) -> str | None:
    """The sealed text; None when there is none. `opened` makes a secret of it."""
    return connection.execute(sa.select(secrets.c.value).where(secrets.c.name == name)).scalar()


def opened(text: str, name: str, ring: Keyring) -> str:
    """ConfigError when the key is another one."""
    return ring.open(text, _place(name))


def forget(connection: sa.Connection, name: str) -> None:
    connection.execute(sa.delete(secrets).where(secrets.c.name == name))


def _place(name: str) -> Place:
    return Place(secrets.name, "value", name)
