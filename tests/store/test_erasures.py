"""Who was erased is stored no more, by whatever way: only keyed hashes tell who it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tajo.core.consent import Decision, Said
from tajo.core.errors import ConfigError, RejectedError
from tajo.core.facts import Interaction, Kind, Registration, Respondent, Role, Session, Status, Stay
from tajo.core.followups import Wanted
from tajo.core.plan import Delivered
from tajo.core.sightings import Sighting
from tajo.core.suppression import Reason, Source, Suppression
from tajo.core.traces import Traces
from tajo.store import (
    consents,
    effects,
    erasures,
    facts,
    ledger,
    letters,
    mails,
    marks,
    runs,
    sightings,
    signins,
    suppressions,
)
from tajo.store.consents import Evidence
from tajo.store.database import Database
from tajo.store.effects import Effect
from tajo.store.keys import Vault
from tajo.store.ledger import Import
from tajo.store.tables import metadata

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HER, HIM = "nora@x.example", "lee@x.example"
NORA = Traces(HER, frozenset({"reg-nora", "user-nora"}), frozenset({"Nora Lind"}))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault({}, tmp_path)


@pytest.fixture
def kept(database_url: str, vault: Vault) -> Iterator[Database]:
    """A database in which Nora was erased."""
    opened = Database(database_url, vault=vault)
    opened.write_now(lambda c: erasures.remember(c, NORA, everywhere=False, now=NOW))
    yield opened
    opened.close()


def _stay(email: str = "", registrant_id: str = "", user_id: str = "", name: str = "") -> Stay:
    return Stay(NOW, NOW, name=name, email=email, registrant_id=registrant_id, user_id=user_id)


@pytest.mark.parametrize(
    ("row", "erased"),
    [
        (_stay(HER), True),
        (_stay(HIM, "reg-nora"), False),
        (_stay("", "reg-nora"), True),
        (_stay("", "", "user-nora", "A."), True),
        (_stay("", "another", "", "Nora Lind"), False),
        (_stay(name="LIND, Nora"), True),
        (_stay(name="Nora"), False),
        (_stay(), False),
    ],
)
def test_whose_rows_are_kept_no_more(row: Stay, erased: bool, kept: Database) -> None:
    known = kept.read_now(erasures.load)
    assert bool(known.of(row)) is erased
    assert known.kept([row]) == ([] if erased else [row])
    assert len(known.among([row, row])) == erased


def test_nobody_is_erased_at_first_and_no_key_is_needed(database: Database) -> None:
    known = database.read_now(erasures.load)
    assert not known
    assert not known.has(HER)
    assert known.kept([_stay(HER)]) == [_stay(HER)]


def _of(*emails: str) -> list[Any]:
    return [Delivered(each, {"SMS": "+821055501234"}, frozenset({1})) for each in emails]


# table → how something of a person gets into it
WRITERS: dict[str, Callable[[sa.Connection, str], object]] = {
    "stays": lambda c, email: facts.add_stays(c, email, [_stay(email)], offset=0),
    "registrations": lambda c, email: facts.save_registrations(
        c, Kind.WEBINAR, "9", [Registration(f"r-{email}", email, Status.APPROVED)]
    ),
    "sightings": lambda c, email: sightings.add(c, [Sighting(email, "k", NOW, None, email=email)]),
    "ledger": lambda c, email: ledger.save(c, _of(email), how="contact", now=NOW),
    "phones": lambda c, email: ledger.save(c, _of(email), how="contact", now=NOW),
    "import_rows": lambda c, email: ledger.open_import(c, Import(len(email), NOW, frozenset({1}), tuple(_of(email)))),
    "effects": lambda c, email: effects.begin(c, [Effect(email, "event", "e", email, "o", {})], holder="h", now=NOW),
    "dead_letters": lambda c, email: letters.add(c, email, RejectedError("no", origin="o"), NOW),
    "run_people": lambda c, email: runs.add_people(c, "r", [email]),
    "interactions": lambda c, email: facts.save_respondents(
        c, email, Interaction.POLL, [Respondent(email, Interaction.POLL, 1, email=email)]
    ),
    "consents": lambda c, email: consents.keep(c, [Evidence(email, Said("s", NOW, "q", "a"), Decision.YES)]),
}
DERIVED = {
    "roster": "built from stays and registrations alone",
    "identifications": "see test_identifications.py",
    "suppressions": "outlive the person under the hash: see below",
}


def test_every_table_with_peoples_rows_is_tried() -> None:
    tables = {table.name for table in metadata.sorted_tables if marks.marked(table, marks.EMAIL)}
    assert tables == WRITERS.keys() | DERIVED.keys()


@pytest.mark.parametrize("table", sorted(WRITERS))
def test_nothing_of_them_is_stored(table: str, kept: Database) -> None:
    column = metadata.tables[table].c
    mine = column.subject if table == "dead_letters" else column.email
    for email in (HER, HIM):
        kept.write_now(WRITERS[table], email)
    assert kept.read_now(lambda c: set(c.execute(sa.select(mine)).scalars())) == {HIM}


def test_no_mail_waits_for_them(kept: Database) -> None:
    assert kept.write_now(mails.wait, [Wanted("thanks", "o", email, NOW) for email in (HER, HIM)]) == 1
    assert kept.write_now(mails.ask, [Wanted("thanks", "o", HER, NOW)], NOW) == 0
    assert [each.email for each in kept.read_now(mails.load, "thanks", "o", mails.WAITING)] == [HIM]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_opt_out_outlives_them_without_the_address(when: str, database_url: str, vault: Vault) -> None:
    """Kept under the hash, whether it came before the erasure or after it; undone, it is theirs again."""
    here = Database(database_url, vault=vault)
    said = [
        Suppression(email, Reason.UNSUBSCRIBED, Source.POLL, NOW, evidence=f"list 3 of {email}") for email in (HER, HIM)
    ]
    if when == "before":
        here.write_now(suppressions.add, said)
    here.write_now(lambda c: erasures.remember(c, NORA, everywhere=False, now=NOW))
    assert here.write_now(suppressions.add, said) == (0 if when == "before" else 2)
    everything = repr(here.read_now(lambda c: c.execute(sa.select(metadata.tables["suppressions"])).all()))
    assert HER not in everything
    assert everything.count("unsubscribed") == 2
    assert here.write_now(erasures.forget, HER) is True
    assert here.read_now(suppressions.among, [HER, HIM]) == dict.fromkeys((HER, HIM), "unsubscribed")
    here.close()


def test_a_session_is_stored_without_them(kept: Database) -> None:
    staff = ((HER, Role.HOST), (HIM, Role.PANELIST))
    kept.write_now(facts.save_session, Session(Kind.WEBINAR, "9", host_email=HER, staff=staff), NOW)
    stored = kept.read_now(facts.load_session, Kind.WEBINAR, "9")
    assert stored is not None
    assert (stored.host_email, stored.staff) == ("", ((HIM, Role.PANELIST),))
    kept.write_now(runs.start, "r", {}, NOW)
    kept.write_now(runs.add_session, "r", Kind.WEBINAR, "9", {"host_email": HER, "uuids": []})
    assert kept.read_now(runs.session, "r", Kind.WEBINAR, "9")[0] == {"host_email": "", "uuids": []}


def test_a_new_registrant_id_of_theirs_is_learned(kept: Database) -> None:
    """Rows with nothing but that id go, whether they came before the registration or come after it."""
    early = _stay("", "reg-new", "", "N.")
    kept.write_now(lambda c: facts.add_stays(c, "i", [early], offset=0))
    known = Registration("reg-new", HER, Status.APPROVED)
    kept.write_now(lambda c: facts.save_registrations(c, Kind.WEBINAR, "9", [known]))
    assert kept.read_now(facts.load_stays, ["i"]) == []
    kept.write_now(lambda c: facts.add_stays(c, "i", [early], offset=0))
    assert kept.read_now(facts.load_stays, ["i"]) == []


def test_hashes_tell_nobody(kept: Database) -> None:
    """Not the address, nor its plain hash; another installation has other hashes."""
    rows = repr(kept.read_now(lambda c: [tuple(row) for row in c.execute(sa.select(metadata.tables["erasures"]))]))
    assert HER not in rows
    assert "nora" not in rows.lower()
    assert erasures.Erased({}, b"one").hash("email", HER) != erasures.Erased({}, b"other").hash("email", HER)


def test_undoing_one_and_all(kept: Database) -> None:
    other = Traces("ada@x.example")
    kept.write_now(lambda c: erasures.remember(c, other, everywhere=True, now=NOW))
    assert kept.write_now(erasures.forget, HIM) is False
    assert kept.write_now(erasures.forget, HER) is True
    known = kept.read_now(erasures.load)
    assert (known.has(HER), known.has("ada@x.example"), bool(known.of(_stay(name="Nora Lind")))) == (False, True, False)
    assert kept.write_now(erasures.forget_all) == 1
    assert not kept.read_now(erasures.load)


def test_the_key_is_sealed_and_outlives_a_rotation(kept: Database, vault: Vault) -> None:
    before = kept.read_now(erasures.load)
    ring = vault.begin_rotation()
    assert kept.write_now(signins.reseal, ring) == 1
    vault.end_rotation(ring)
    assert kept.read_now(signins.key_ids) == {ring.current.id: 1}
    assert kept.read_now(erasures.load).key == before.key


@pytest.mark.parametrize("without", ["key", "vault"])
def test_without_the_key_nothing_is_stored(without: str, kept: Database, vault: Vault, tmp_path: Path) -> None:
    if without == "key":
        (tmp_path / "tajo.key").unlink()
        vault.keyring(create=True)
    else:
        kept.vault = None
    with pytest.raises(ConfigError, match="people were erased") as caught:
        kept.write_now(lambda c: facts.add_stays(c, "i", [_stay(HIM)], offset=0))
    assert "--undo-all" in caught.value.hint
    assert kept.write_now(erasures.forget_all) == 1


@pytest.mark.parametrize(
    ("body", "names", "found"),
    [
        (b'{"a": ["x Nora@X.example y"]}', False, True),
        (b'{"nora@x.example": 1}', False, True),
        (b"{nora@x.example", False, True),
        (b'{"a": "anora@x.example"}', False, False),
        (b'{"a": "Nora Lind"}', True, True),
        (b'{"a": "Nora Lind"}', False, False),
        (b"\xff\x00", True, False),
        (b"[" * 100_000, True, False),
    ],
)
def test_whether_a_body_tells_of_them(body: bytes, names: bool, found: bool, kept: Database) -> None:
    assert kept.read_now(erasures.load).are_in(body, names=names) is found
