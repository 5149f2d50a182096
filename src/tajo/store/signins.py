"""Users' sign-ins: the current pair of tokens, who renews it, and sign-ins that are under way.

A refresh token is good for one use, and its successor comes with the answer: the new pair is committed here before
anybody uses it, and one process at a time may ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tajo.store.keys import Keyring, Place, Vault
from tajo.store.tables import secrets, signin_states, signins
from tajo.store.upsert import upsert

ZOOM = "zoom"
_TOKENS = ("access_token", "refresh_token")
_FORGOTTEN_AFTER = timedelta(days=1)  # how long the outcome of a sign-in can be looked up


@dataclass(frozen=True, slots=True)
class Pair:
    """An access token with its life, and the refresh token that its successor is asked for with."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    asked_at: datetime
    expires_at: datetime
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a sign-in without opening anything. `refused` is why it cannot be renewed, "" while it can."""

    signed_in_at: datetime
    version: str
    scopes: frozenset[str]
    refused: str
    account_id: str
    user_id: str
    email: str


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A sign-in that the browser came back from."""

    verifier: str = field(repr=False)
    redirect_uri: str


def known(connection: sa.Connection, connector: str = ZOOM) -> Known | None:
    row = connection.execute(sa.select(signins).where(signins.c.connector == connector)).one_or_none()
    if row is None:
        return None
    scopes = frozenset(row.scopes)
    return Known(row.signed_in_at, row.version, scopes, row.refused, row.account_id, row.user_id, row.email)


def load(connection: sa.Connection, vault: Vault, connector: str = ZOOM) -> tuple[Known, Pair] | None:
    """The sign-in with its tokens opened; ConfigError when the key is another one."""
    found = known(connection, connector)
    if found is None:
        return None
    row = connection.execute(sa.select(signins).where(signins.c.connector == connector)).one()
    ring = vault.keyring()
    access, refresh = (ring.open(getattr(row, name), Place("signins", name, connector)) for name in _TOKENS)
    return found, Pair(access, refresh, row.asked_at, row.expires_at, found.scopes)


def _sealed(connection: sa.Connection, vault: Vault, pair: Pair, version: str, connector: str) -> dict[str, Any]:
    before_sealing(connection)
    ring = vault.keyring(create=True)
    return {
        "access_token": ring.seal(pair.access, Place("signins", "access_token", connector)),
        "refresh_token": ring.seal(pair.refresh, Place("signins", "refresh_token", connector)),
        "asked_at": pair.asked_at,
        "expires_at": pair.expires_at,
        "scopes": sorted(pair.scopes),
        "version": version,
        "holder": "",
        "held_until": None,
        "refused": "",
    }


def before_sealing(connection: sa.Connection) -> None:
    """Sealing and a rotation take turns, so that nothing is sealed with a key that is about to go.

    SQLite's writer is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('tajo:keys'))"))


def put(
    connection: sa.Connection, vault: Vault, pair: Pair, *, version: str, now: datetime, connector: str = ZOOM
) -> None:
    """Keep a new sign-in, in the place of the one before."""
    row = {"connector": connector, **_sealed(connection, vault, pair, version, connector), "signed_in_at": now}
    upsert(connection, signins, [row | {"account_id": "", "user_id": "", "email": ""}])


def identify(connection: sa.Connection, *, account_id: str, user_id: str, email: str, connector: str = ZOOM) -> None:
    """Note whose sign-in it is."""
    statement = sa.update(signins).where(signins.c.connector == connector)
    connection.execute(statement.values(account_id=account_id, user_id=user_id, email=email))


def claim(
    connection: sa.Connection, version: str, holder: str, *, now: datetime, until: datetime, connector: str = ZOOM
) -> bool:
    """Become the one who renews this pair, until then; False when somebody else is, or did meanwhile."""
    free = sa.or_(signins.c.held_until.is_(None), signins.c.held_until <= now)
    mine = (signins.c.connector == connector) & (signins.c.version == version) & (signins.c.refused == "")
    claimed = connection.execute(sa.update(signins).where(mine, free).values(holder=holder, held_until=until))
    return claimed.rowcount == 1


def release(connection: sa.Connection, holder: str, connector: str = ZOOM) -> None:
    """Nothing came of it: the next one may try."""
    mine = (signins.c.connector == connector) & (signins.c.holder == holder)
    connection.execute(sa.update(signins).where(mine).values(holder="", held_until=None))


def renew(
    connection: sa.Connection, vault: Vault, pair: Pair, *, before: str, version: str, connector: str = ZOOM
) -> bool:
    """Put the new pair in the old one's place; False when a new sign-in took that meanwhile, or it was forgotten."""
    mine = (signins.c.connector == connector) & (signins.c.version == before)
    row = _sealed(connection, vault, pair, version, connector)
    return connection.execute(sa.update(signins).where(mine).values(row)).rowcount == 1


def refuse(connection: sa.Connection, version: str, why: str, connector: str = ZOOM) -> None:
    """This pair is renewed no more: nobody asks Zoom again with it."""
    mine = (signins.c.connector == connector) & (signins.c.version == version)
    connection.execute(sa.update(signins).where(mine).values(refused=why, holder="", held_until=None))


def forget(connection: sa.Connection, connector: str = ZOOM) -> bool:
    """Delete the sign-in and everything under way; whether there was one."""
    connection.execute(sa.delete(signin_states).where(signin_states.c.connector == connector))
    return connection.execute(sa.delete(signins).where(signins.c.connector == connector)).rowcount > 0


# --- on the way to one ---


def begin(
    connection: sa.Connection,
    vault: Vault,
    state: str,
    verifier: str,
    redirect_uri: str,
    *,
    now: datetime,
    until: datetime,
    connector: str = ZOOM,
) -> None:
    """Note a sign-in that begins; `state` is the digest of what the browser carries."""
    connection.execute(sa.delete(signin_states).where(signin_states.c.expires_at < now - _FORGOTTEN_AFTER))
    before_sealing(connection)
    sealed = vault.keyring(create=True).seal(verifier, Place("signin_states", "verifier", state))
    connection.execute(
        sa.insert(signin_states).values(
            state=state, connector=connector, verifier=sealed, redirect_uri=redirect_uri, expires_at=until
        )
    )


def use(connection: sa.Connection, vault: Vault, state: str, now: datetime) -> UnderWay | str:
    """The sign-in that this state began, once and in time; else why not: "unknown", "used" or "expired"."""
    row = connection.execute(sa.select(signin_states).where(signin_states.c.state == state)).one_or_none()
    if row is None:
        return "unknown"
    if row.expires_at <= now:
        return "expired"
    unused = (signin_states.c.state == state) & signin_states.c.used_at.is_(None)
    if connection.execute(sa.update(signin_states).where(unused).values(used_at=now, verifier="")).rowcount != 1:
        return "used"
    verifier = vault.keyring().open(row.verifier, Place("signin_states", "verifier", state))
    return UnderWay(verifier, row.redirect_uri)


def conclude(connection: sa.Connection, state: str, problem: Mapping[str, Any] | None) -> None:
    """Note how a sign-in ended, for whoever began it."""
    outcome = {"problem": dict(problem) if problem is not None else None}
    connection.execute(sa.update(signin_states).where(signin_states.c.state == state).values(outcome=outcome))


def outcome(connection: sa.Connection, state: str) -> dict[str, Any] | None:
    """{"problem": None or what went wrong}; None while nobody came back."""
    found: dict[str, Any] | None = connection.execute(
        sa.select(signin_states.c.outcome).where(signin_states.c.state == state)
    ).scalar()
    return found


# --- keys ---

_SEALED = (
    (signins, signins.c.connector, _TOKENS),
    (signin_states, signin_states.c.state, ("verifier",)),
    (secrets, secrets.c.name, ("value",)),
)


def key_ids(connection: sa.Connection) -> dict[str, int]:
    """Key id → how many texts are sealed with it."""
    counted: dict[str, int] = {}
    for table, key, columns in _SEALED:
        for row in connection.execute(sa.select(key, *(table.c[name] for name in columns))):
            for sealed in filter(None, row[1:]):
                id_ = sealed.partition(":")[0]
                counted[id_] = counted.get(id_, 0) + 1
    return counted


def reseal(connection: sa.Connection, ring: Keyring) -> int:
    """Seal everything with the current key; how many texts that were not. All or nothing."""
    before_sealing(connection)
    resealed = 0
    for table, key, columns in _SEALED:
        for row in connection.execute(sa.select(key, *(table.c[name] for name in columns))).all():
            new: dict[str, str] = {}
            for name, sealed in zip(columns, row[1:], strict=True):
                if sealed and sealed.partition(":")[0] != ring.current.id:
                    place = Place(table.name, name, row[0])
                    new[name] = ring.seal(ring.open(sealed, place), place)
            if new:
                connection.execute(sa.update(table).where(key == row[0]).values(new))
                resealed += len(new)
    return resealed
