"""One person's data in any tables, by the columns' marks: finding it, deleting it, and telling it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tajo.core.names import forms, is_whole
from tajo.core.traces import Traces
from tajo.store.marks import EMAIL, ID, MENTION, NAME, marked
from tajo.store.tables import identifications, metadata, occurrences, registrations, review, roster, sightings, stays


def about_people() -> list[sa.Table]:
    """The tables whose rows are somebody's."""
    return [table for table in metadata.sorted_tables if any(marked(table, info) for info in (EMAIL, NAME))]


# --- what somebody is known by ---


def traces(connection: sa.Connection, email: str) -> Traces:
    """What the tables know a person by: ids that are nobody else's, and whole names.

    A name shown in a session counts where it is like the registered one, or like the address: an "iPhone" is nobody's.
    """
    ids: set[str] = set()
    shown: set[str] = set()
    for table in about_people():
        for mine in marked(table, EMAIL):
            ids |= _values(connection, marked(table, ID), mine == email)
            shown |= _values(connection, marked(table, NAME), mine == email)
    ids = _exclusive(connection, ids - {email}, email)
    for table in about_people():
        if marked(table, EMAIL) and marked(table, ID):
            shown |= _values(connection, marked(table, NAME), _by_id(table, ids))
    registered = _registered(connection, email)
    known = frozenset(form for name in (*registered, email.partition("@")[0]) for form in forms(name))
    return Traces(email, frozenset(ids), frozenset(registered | {each for each in shown if forms(each) & known}))


def _values(connection: sa.Connection, columns: Iterable[sa.Column[Any]], where: sa.ColumnElement[bool]) -> set[str]:
    found: set[str] = set()
    for column in columns:
        found |= set(connection.execute(sa.select(column).where(where).distinct()).scalars())
    return found - {""}


def _registered(connection: sa.Connection, email: str) -> set[str]:
    """The names they registered under, in both orders, and the one on their roster lines if it is whole."""
    found: set[str] = set()
    for table in (registrations, roster):
        rows = connection.execute(
            sa.select(table.c.first_name, table.c.last_name).where(table.c.email == email).distinct()
        )
        for first, last in rows:
            found |= {f"{first} {last}".strip(), f"{last} {first}".strip(), f"{last}{first}"}
    return {name for name in found if is_whole(name)}


def _exclusive(connection: sa.Connection, ids: set[str], email: str) -> set[str]:
    """Those ids that no row shows for anybody else: beside another address, or below another stronger id."""
    others: set[str] = set()
    for table in about_people():
        columns = marked(table, ID)
        for mine in marked(table, EMAIL):
            for at, column in enumerate(columns):
                foreign = sa.or_(mine.not_in(("", email)), *(stronger.not_in(("", *ids)) for stronger in columns[:at]))
                others |= _values(connection, [column], column.in_(ids) & foreign)
    return ids - others


def _by_id(table: sa.Table, ids: Iterable[str]) -> sa.ColumnElement[bool]:
    """Rows with one of the ids and no address."""
    known = sorted(ids)
    nameless = sa.and_(*(mine == "" for mine in marked(table, EMAIL)))
    return nameless & sa.or_(sa.false(), *(column.in_(known) for column in marked(table, ID)))


# --- whose rows ---


def theirs(connection: sa.Connection, table: sa.Table, person: Traces) -> sa.ColumnElement[bool]:
    """Which rows of the table are the person's: by the address, by an id, or by the name of a row with neither."""
    emails, ids, names = (marked(table, info) for info in (EMAIL, ID, NAME))
    mine = [column == person.email for column in emails]
    if ids:
        mine.append(_by_id(table, person.ids))
    if names:
        bare = sa.and_(sa.true(), *(column == "" for column in (*emails, *ids)))
        for column in names:
            same = [name for name in _values(connection, [column], bare) if person.has_name(name)]
            mine.append(bare & column.in_(same))
    return sa.or_(sa.false(), *mine)


def delete(connection: sa.Connection, table: sa.Table, person: Traces) -> int:
    """Delete the person's rows of a table; how many they were."""
    return connection.execute(sa.delete(table).where(theirs(connection, table, person))).rowcount


def count(connection: sa.Connection, person: Traces) -> dict[str, int]:
    """Table → how many rows of it are the person's, where any are."""
    found = {}
    for table in about_people():
        mine = sa.select(sa.func.count()).select_from(table).where(theirs(connection, table, person))
        if number := connection.execute(mine).scalar():
            found[table.name] = number
    return found


def delete_reviews(connection: sa.Connection, person: Traces) -> int:
    """Delete the groups in review that are made of the person's rows, and what was decided about them; how many.

    Before `delete`: a group shows a name only, and whose it is is told by the rows that it was made of.
    """
    shown: set[tuple[str, str]] = set()
    for table in (stays, sightings):
        bare = theirs(connection, table, person) & (table.c.email == "")
        shown |= {
            (row.instance, row.name)
            for row in connection.execute(sa.select(table.c.instance, table.c.name).where(bare))
        }
    keys: set[tuple[str, str]] = set()
    for row in connection.execute(sa.select(occurrences.c.key, occurrences.c.instances)):
        names = {name for instance, name in shown if instance in row.instances}
        keys |= {(row.key, name) for name in names}
    mine = theirs(connection, review, person)
    for key, name in keys:
        mine |= (review.c.occurrence == key) & (review.c.name == name)
    groups = set(connection.execute(sa.select(review.c.key).where(mine)).scalars())
    connection.execute(sa.delete(identifications).where(identifications.c.key.in_(groups - {""})))
    return connection.execute(sa.delete(review).where(mine)).rowcount


# --- where somebody is mentioned ---


def mentions(columns: Sequence[sa.ColumnElement[Any]], person: Traces) -> sa.ColumnElement[bool]:
    """Rows in which one of the columns may mention the person: each of these is then read."""
    needles = {form for needle in person.needles() for form in (needle, _escaped(needle))}
    texts = [sa.cast(column, sa.Text) for column in columns]
    return sa.or_(sa.false(), *(text.icontains(each, autoescape=True) for text in texts for each in sorted(needles)))


def _escaped(text: str) -> str:
    """As it stands in JSON that is kept in ASCII."""
    return json.dumps(text)[1:-1]


def scrub(connection: sa.Connection, table: sa.Table, person: Traces) -> int:
    """Take the person out of texts and JSON that are about something else; how many rows changed."""
    columns = marked(table, MENTION)
    if not columns:
        return 0
    keys = list(table.primary_key)
    changed = 0
    for row in connection.execute(sa.select(*keys, *columns).where(mentions(columns, person))).mappings().all():
        new = {column.name: person.without(row[column.name]) for column in columns}
        new = {name: value for name, value in new.items() if value != row[name]}
        if new:
            its = sa.and_(*(key == row[key.name] for key in keys))
            connection.execute(sa.update(table).where(its).values(new))
            changed += 1
    return changed


# --- telling ---


def told(connection: sa.Connection, person: Traces) -> dict[str, list[dict[str, Any]]]:
    """Table → the person's rows as JSON, and where rows about something else mention them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in metadata.sorted_tables:
        rows = connection.execute(sa.select(table).where(theirs(connection, table, person)))
        mine = [_plain(row) for row in rows.mappings()]
        mine += _mentioned(connection, table, person)
        if mine:
            found[table.name] = mine
    return found


def _mentioned(connection: sa.Connection, table: sa.Table, person: Traces) -> list[dict[str, Any]]:
    """Where something else mentions them: the row's key, and which columns do."""
    columns, keys = marked(table, MENTION), list(table.primary_key)
    if not columns or marked(table, EMAIL):
        return []
    rows = connection.execute(sa.select(*keys, *columns).where(mentions(columns, person))).mappings()
    found = []
    for row in rows:
        names = [each.name for each in columns if person.without(row[each.name]) != row[each.name]]
        if names:
            found.append(_plain({key.name: row[key.name] for key in keys}) | {"mentioned_in": names})
    return found


def _plain(row: Any) -> dict[str, Any]:
    return {name: _json(value) for name, value in row.items()}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value
