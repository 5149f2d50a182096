"""Who was erased: nothing of them is stored again, whoever tells it.

Of each of them keyed hashes stay: of the address, and of the ids and names that rows without an address may have. The
key of the hashes is sealed in the database like tokens are (see keys.py), so that it outlives a rotation; without the
key file the hashes tell nobody anything, and nobody can be looked up: then nothing is stored at all.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from tajo.core.errors import ConfigError
from tajo.core.facts import Registration
from tajo.core.names import forms, is_whole
from tajo.core.traces import LONGEST_NAME, Traces
from tajo.store import sealed
from tajo.store.keys import Vault
from tajo.store.tables import erasures, suppressions
from tajo.store.upsert import insert, upsert

NAME = "erasures"
ADDRESS = re.compile(r"[\w.+%'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")


class Row(Protocol):
    """What facts of people have in common; most have ids, too, or a name."""

    @property
    def email(self) -> str: ...


AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(frozen=True, slots=True)
class Erased:
    """Everybody who was erased; falsy when nobody was. `people` are hashes of what they are known by → the person's."""

    people: Mapping[str, str] = field(default_factory=dict)
    key: bytes = field(default=b"", repr=False)

    def __bool__(self) -> bool:
        return bool(self.people)

    def hash(self, kind: str, value: str) -> str:
        return hmac.new(self.key, f"{kind}:{value}".encode(errors="replace"), sha256).hexdigest()

    def has(self, email: str) -> bool:
        return bool(self) and self.hash("email", email) in self.people

    def of(self, row: Row) -> str:
        """The erased person a row is about, by hash; "" for everybody else. As `Traces.owns` decides."""
        if not self:
            return ""
        if row.email:
            return self.people.get(self.hash("email", row.email), "")
        names = ("registrant_id", "customer_key", "user_id")
        if ids := [value for name in names if (value := getattr(row, name, ""))]:
            return next((who for each in ids if (who := self.people.get(self.hash("id", each), ""))), "")
        return self.named(getattr(row, "name", ""))

    def named(self, name: str) -> str:
        """The erased person of this name; "" if there is none, and for what is no whole name."""
        known = forms(name) if name and len(name) <= LONGEST_NAME and is_whole(name) else ()
        return next((who for form in known if (who := self.people.get(self.hash("name", form), ""))), "")

    def among(self, rows: Iterable[Row]) -> set[str]:
        """The erased people that rows are about: the beginnings of their hashes, for counting."""
        return {who[:12] for each in rows if (who := self.of(each))} if self else set()

    def kept(self, rows: Iterable[AnyRow]) -> list[AnyRow]:
        """The rows of everybody else."""
        return [each for each in rows if not self.of(each)]

    def address(self, email: str) -> str:
        """An address as it may be stored: "" for an erased one."""
        return "" if email and self.has(email) else email

    def are_in(self, body: bytes, *, names: bool) -> bool:
        """Whether a body has the address of somebody who was erased; with `names` also a text that is their name."""
        if not self:
            return False
        texts = texts_in(body)
        addresses = {found.lower() for text in texts for found in ADDRESS.findall(text)}
        return any(map(self.has, addresses)) or (names and any(map(self.named, texts)))


def texts_in(body: bytes) -> list[str]:
    """Every text in a body that is JSON; whatever is none is one text."""
    try:
        return list(_texts(json.loads(body)))
    except (ValueError, RecursionError):
        return [body.decode(errors="replace")]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


NOBODY = Erased()


def load(connection: sa.Connection) -> Erased:
    """Everybody who was erased. ConfigError where somebody was and the key is not here: nothing may be stored then."""
    people: dict[str, str] = dict(connection.execute(sa.select(erasures.c.hash, erasures.c.person)).all())
    return Erased(people, _key(connection)) if people else NOBODY


def _key(connection: sa.Connection, *, create: bool = False) -> bytes:
    vault: Vault | None = connection.get_execution_options().get("vault")
    if vault is None:
        raise _without_key("database")
    if create:
        sealed.put_new(connection, NAME, secrets.token_hex(32), vault)
    try:
        return bytes.fromhex(sealed.opened(sealed.sealed(connection, NAME) or "", NAME, vault.keyring()))
    except ConfigError as error:
        raise _without_key(error.origin) from None


def _without_key(origin: str) -> ConfigError:
    return ConfigError(
        "people were erased, and the key that tells who is not here: nothing is read, or they would come back",
        origin=origin,
        hint="put the key back; where it is lost, run `tajo erase --undo-all` and erase each of them again",
    )


def remember(connection: sa.Connection, traces: Traces, *, everywhere: bool, now: datetime) -> str:
    """Keep the hashes of a person, besides those that are kept already; the person's."""
    known = Erased({}, _key(connection, create=True))
    person = known.hash("email", traces.email)
    hashes = {person, *(known.hash("id", each) for each in traces.ids)}
    hashes |= {known.hash("name", form) for form in traces.forms}
    before = connection.execute(sa.select(erasures.c.everywhere).where(erasures.c.hash == person)).scalar()
    rows = [
        {"hash": each, "person": person, "at": now, "everywhere": everywhere or bool(before)} for each in sorted(hashes)
    ]
    upsert(connection, erasures, rows)
    _keep_opt_outs(connection, traces.email, person)
    return person


def _keep_opt_outs(connection: sa.Connection, old: str, new: str) -> None:
    """What somebody asked for outlives them here: from their address to its hash, and back when that is undone."""
    mine = connection.execute(sa.select(suppressions).where(suppressions.c.email == old)).mappings().all()
    if not mine:
        return
    rows = [{**row, "email": new, "evidence": ""} for row in mine]
    moved = insert(connection, suppressions).values(rows)
    connection.execute(moved.on_conflict_do_nothing(index_elements=["email", "reason"]))
    connection.execute(sa.delete(suppressions).where(suppressions.c.email == old))


def learn(connection: sa.Connection, erased: Erased, dropped: Sequence[Registration]) -> list[str]:
    """Remember under which ids erased people registered anew: rows with the id alone come later. The ids."""
    fresh: dict[str, str] = {}
    for each in dropped:
        who = erased.of(each)
        if who and each.registrant_id and each.registrant_id != each.email:
            fresh[each.registrant_id] = who
    known = {
        row.person: row
        for row in connection.execute(sa.select(erasures).where(erasures.c.hash.in_(sorted(set(fresh.values())))))
    }
    rows = [
        {"hash": erased.hash("id", id_), "person": who, "at": known[who].at, "everywhere": known[who].everywhere}
        for id_, who in fresh.items()
        if who in known and erased.hash("id", id_) not in erased.people
    ]
    upsert(connection, erasures, rows)
    return sorted(fresh)


def forget(connection: sa.Connection, email: str) -> bool:
    """Undo: let the person be stored again when somebody tells of them; whether they had been erased."""
    erased = load(connection)
    if not erased.has(email):
        return False
    person = erased.hash("email", email)
    connection.execute(sa.delete(erasures).where(erasures.c.person == person))
    _keep_opt_outs(connection, person, email)
    return True


def forget_all(connection: sa.Connection) -> int:
    """Undo every erasure, and forget the key; how many people there were."""
    people = connection.execute(sa.select(sa.func.count(sa.distinct(erasures.c.person)))).scalar()
    connection.execute(sa.delete(erasures))
    sealed.forget(connection, NAME)
    return int(people or 0)
