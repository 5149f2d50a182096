"""`tajo erase`: afterwards nobody finds the person, not even in the files' bytes, and nothing brings them back."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import anyio
import pytest
import sqlalchemy as sa

from tajo import app
from tajo.config.load import load
from tajo.core.consent import Decision, Said
from tajo.core.facts import Interaction, Respondent
from tajo.core.followups import Wanted
from tajo.core.suppression import Reason, Source, Suppression
from tajo.simulators.faults import Fault
from tajo.simulators.world import Stage
from tajo.simulators.zoom.webhooks import events_of
from tajo.store import consents, effects, erasures, facts, inbox, letters, mails, suppressions
from tajo.store.compact import empty_log
from tajo.store.consents import Evidence
from tajo.store.database import Database
from tajo.store.effects import Effect
from tajo.workflows.worker import Worker

EMAIL = "aranea.quillfeather@mail.example"
FIRST, LAST, PHONE, ORG = "Aranea", "Quillfeather", "+82 10-5550-7391", "Thistledown Works"
ANSWER = "from my neighbour Wilhelmina"
NOW = datetime.now(UTC)


@pytest.fixture
def here(desk: Callable[..., Any]) -> Any:
    """Aranea registered for two webinars and came to one; her name is in a meeting, too, without her address."""
    stage = Stage(31, NOW)
    names = stage.names
    her = names.person(email=EMAIL, first_name=FIRST, last_name=LAST, phone=PHONE, org=ORG, country="US", zoom_id="")
    other = names.person(email="kim@mail.example", first_name="Minsu", last_name="Kim", phone="", country="US")
    past = stage.webinar("Past", start=NOW - timedelta(days=2))
    past.register(her, custom_questions=(("How did you hear of us?", ANSWER),))
    past.register(other, custom_questions=(("How did you hear of us?", "a newsletter"),))
    held = past.hold()
    held.come(her, 2, 20)
    held.come(her, 25, 50, email="")  # her link, and no address
    held.come(other, 0, 60)
    meeting = stage.meeting("Open", start=NOW - timedelta(days=1)).hold()
    meeting.come(other, 0, 30)
    meeting.come(names.person(zoom_id=""), 3, 20, name=f"{LAST} {FIRST}", email="")
    coming = stage.webinar("Coming", start=NOW + timedelta(days=3))
    for person in (her, other):
        coming.register(person)
    made = desk(stage.world())
    made.configure(connectors__zoom__sync_mode="batch")
    made.registrants = [
        each.id for s in made.zoom.world.sessions.values() for each in s.registrants if her.email == each.email
    ]
    return made


def traces(here: Any) -> list[str]:
    """What must be nowhere: her address, names, number, answers, and Zoom's ids of her."""
    return [EMAIL, EMAIL.upper(), FIRST, LAST, PHONE, ORG, ANSWER, "Wilhelmina", *here.registrants]


def left(here: Any) -> dict[str, list[str]]:
    """File → what is still in it, in any case; JSON's escapes count as what they mean."""
    found = {}
    for path in here.folder.rglob("*"):
        if path.is_file() and path.name not in ("tajo.yml",):
            content = path.read_bytes().lower()
            if there := [each for each in traces(here) if each.lower().encode() in content]:
                found[path.name] = there
    return found


@contextmanager
def databases(here: Any) -> Iterator[tuple[Database, Database]]:
    config = load(here.folder / "tajo.yml", env={})
    database, box = app.open_database(config), app.open_inbox(config)
    try:
        yield database, box
    finally:
        database.close()
        box.close()


def receive(here: Any, bodies: Sequence[bytes], *, folded: bool = True) -> list[str]:
    """Put webhooks into the inbox, and let a worker fold them; their states."""
    rows = [
        {"received_at": NOW, "digest": sha256(body).hexdigest(), "body": body, "headers": {}, "state": inbox.WAITING}
        for body in bodies
    ]

    async def fold(database: Database, box: Database) -> None:
        config = load(here.folder / "tajo.yml", env={})
        async with app.services(config, database) as services:
            worker = Worker(services, None, box, name="w")  # type: ignore[arg-type]
            while await worker.drain_once():
                pass

    with databases(here) as (database, box):
        if rows:
            box.write_now(lambda c: c.execute(sa.insert(inbox.inbox), rows))
        if folded:
            anyio.run(fold, database, box)
        return [each.state for each in reversed(box.read_now(inbox.listed))]


def webhooks(here: Any) -> list[bytes]:
    """All that Zoom tells, and a body that nobody can read."""
    told = [json.dumps(each.body, ensure_ascii=False).encode() for each in events_of(here.zoom.world)]
    return [*told, f"{{broken: {EMAIL}".encode(), json.dumps({"odd": [f"{FIRST} {LAST}"]}).encode()]


@pytest.fixture
def full(here: Any) -> Any:
    """Two syncs, the first with a dead letter of hers; all webhooks; some that wait."""
    refusal = json.dumps({"code": "invalid_parameter", "message": f"{EMAIL} is not valid"}).encode()
    here.brevo.faults.order(Fault.respond(400, refusal), "POST /contacts")
    assert here.tajo("sync", "zoom").code == 6
    receive(here, webhooks(here))
    assert here.tajo("sync", "zoom").code == 0
    receive(here, [b" " + each for each in webhooks(here)], folded=False)
    with databases(here) as (database, _):
        database.write_now(afterwards)
    assert here.tajo("why", EMAIL).code == 0
    return here


def afterwards(connection: sa.Connection) -> None:
    """What follow-ups, consent and engagement keep of her."""
    for state, due in (("waiting", NOW), ("sent", NOW - timedelta(hours=1))):
        mail = Wanted(f"rule-{state}", "webinar:1:x", EMAIL, due)
        mails.wait(connection, [mail])
        mails.claim(connection, [(mail.key, {"first_name": FIRST, "answer": ANSWER})], call="c", holder="w", now=NOW)
        mails.finish(connection, [mail.key], state, NOW, why=f"{EMAIL} was told")
    asked = Effect(f"doi:{EMAIL}", "opt_in", "double_opt_in", EMAIL, "", {"lists": [16], "name": FIRST})
    effects.begin(connection, [asked], holder="w", now=NOW)
    consents.keep(connection, [Evidence(EMAIL, Said("webinar:1", NOW, "News?", ANSWER), Decision.YES)])
    respondents = [
        Respondent("u", Interaction.QUESTION, 1, email=EMAIL, name=f"{FIRST} {LAST}"),
        Respondent("u", Interaction.QUESTION, 1, name=f"{LAST}, {FIRST}"),
    ]
    facts.save_respondents(connection, "u", Interaction.QUESTION, respondents)
    suppressions.add(connection, [Suppression(EMAIL, Reason.COMPLAINT, Source.WEBHOOK, NOW, evidence=f"by {EMAIL}")])


def test_before_it_the_person_is_in_every_part(full: Any) -> None:
    """What the next test looks for is there to be found: rows, records of the engine, webhooks, letters."""
    rows = full.rows()
    for table in (
        *("stays", "registrations", "sightings", "roster", "review", "ledger", "dead_letters"),
        *("effects", "consents", "interactions", "suppressions"),
    ):
        assert any(re.search(f"{EMAIL}|{FIRST}", row) for row in rows[table]), table
    for table in ("operation_outputs", "workflow_output"):
        assert any(FIRST in row for row in rows[table]), table
    assert set(left(full)) >= {"tajo.db", "tajo-inbox.db"}


def test_nothing_is_left_in_any_file(full: Any) -> None:
    ran = full.tajo("erase", EMAIL, "--yes")
    assert ran.code == 0, ran.err
    assert left(full) == {}
    ran = full.tajo("why", EMAIL)
    assert (ran.code, ran.out) == (1, "")
    assert full.tajo("why", "kim@mail.example").code == 0
    assert full.tajo("export-person", EMAIL).code == 1
    assert EMAIL in full.brevo.contacts


def test_the_receipt_says_what_and_when_and_not_who(full: Any) -> None:
    ran = full.tajo("erase", EMAIL, "--yes", "--json")
    told = ran.json
    assert not [each for each in traces(full) if each in ran.out + ran.err]
    assert set(told["deleted"]) >= {"stays", "registrations", "sightings", "roster", "review", "ledger", "dead_letters"}
    assert told["deleted"]["stays"] == 3
    assert told["webhooks"] > 4
    assert told["workflows"] > 0
    assert (told["brevo"], told["everywhere"], told["unreadable"], told["notes"]) == ("kept", False, True, [])
    assert re.fullmatch("[0-9a-f]{12}", told["person"])
    assert datetime.fromisoformat(told["at"]) > NOW


def test_nothing_brings_them_back(full: Any) -> None:
    """A sync, webhooks that come again and late ones: counted as erased, no error, and nothing of them is stored."""
    full.tajo("erase", EMAIL, "--yes", "--everywhere")
    ran = full.tajo("sync", "zoom", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["erased"] == 1
    assert "erased: 1" in full.tajo("sync", "zoom").out
    states = receive(full, [b"  " + each for each in webhooks(full)])
    assert "ignored" in states
    assert full.tajo("events", "replay", "--since", "1d").code == 0
    receive(full, [])
    assert full.tajo("sync", "zoom").code == 0
    with databases(full) as opened:
        assert all(empty_log(each) for each in opened)  # what came and was dropped at once
    assert left(full) == {}
    assert EMAIL not in full.brevo.contacts
    assert full.tajo("why", EMAIL).code == 1
    assert full.tajo("why", "kim@mail.example").code == 0


def test_a_plan_does_not_bring_them_back_either(full: Any) -> None:
    full.tajo("erase", EMAIL, "--yes")
    ran = full.tajo("plan", "zoom", "--json")
    assert ran.code == 0, ran.err
    assert EMAIL not in ran.out
    assert LAST not in ran.out
    assert ran.json["erased"] == 1


def test_who_registers_anew_is_told_by_the_new_id_too(full: Any) -> None:
    """The report has a row with nothing but the new registrant id, and comes before the registrants do."""
    full.tajo("erase", EMAIL, "--yes")
    stage = Stage(32, NOW)
    her = stage.names.person(email=EMAIL, first_name=FIRST, last_name=LAST, zoom_id="")
    other = stage.names.person(email="lee@mail.example", phone="")
    webinar = stage.webinar("New", start=NOW - timedelta(hours=5))
    registrant = webinar.register(her)
    webinar.register(other)
    held = webinar.hold()
    held.come(her, 0, 30, email="", name="A.")
    held.come(other, 0, 30)
    full.zoom.world = stage.world()
    assert full.tajo("sync", "zoom", "--json").json["erased"] == 1
    assert registrant.id not in repr(full.rows())
    assert full.tajo("why", "lee@mail.example").code == 0


def test_everywhere_deletes_the_contact_and_says_what_that_loses(full: Any) -> None:
    ran = full.tajo("erase", EMAIL, "--yes", "--everywhere")
    assert ran.code == 0, ran.err
    assert EMAIL not in full.brevo.contacts
    assert "the contact is deleted" in ran.out
    assert "whether it had unsubscribed" in ran.out
    again = full.tajo("erase", EMAIL, "--yes", "--everywhere")
    assert again.code == 0
    assert "the contact is not there" in again.out


def test_brevo_is_away(full: Any) -> None:
    """Everything here is erased; the command says that Brevo is not, and can be run again."""
    full.brevo.faults.order(
        Fault.respond(401, b'{"code":"unauthorized","message":"Key not found"}'), "DELETE /contacts"
    )
    ran = full.tajo("erase", EMAIL, "--yes", "--everywhere")
    assert ran.code == 4
    assert "erased here, but not in Brevo" in ran.err
    assert left(full) == {}
    assert full.tajo("erase", EMAIL, "--yes", "--everywhere").code == 0
    assert EMAIL not in full.brevo.contacts


def test_nobody_is_erased_without_a_yes(full: Any) -> None:
    before = full.rows()
    for args in ((), ("--no-input",), ("--everywhere", "--no-input")):
        ran = full.tajo("erase", EMAIL, *args)
        assert ran.code == 2
        assert "--yes" in ran.err
    assert full.rows() == before


@pytest.mark.parametrize(
    "args",
    [(), ("--yes",), ("no address",), ("@",), ("a b@x.example", "--yes"), ("a@x.example", "--undo-all"),
     ("a@x.example", "--undo", "--everywhere"), ("--undo-all", "--undo")],
)  # fmt: skip
def test_what_cannot_be_meant(args: tuple[str, ...], here: Any) -> None:
    assert here.tajo("erase", *args).code == 2


def test_an_erasure_is_undone(full: Any) -> None:
    """The next sync brings the person back; without an erasure there is nothing to undo."""
    assert full.tajo("erase", "--undo", EMAIL).code == 1
    full.tajo("erase", EMAIL, "--yes")
    assert full.tajo("erase", "--undo", f" {EMAIL.upper()} ").code == 0
    assert full.tajo("sync", "zoom", "--json").json["erased"] == 0
    assert full.tajo("why", EMAIL).code == 0
    assert full.tajo("erase", "--undo", EMAIL).code == 1


def test_the_hashes_outlive_a_new_key(full: Any) -> None:
    full.tajo("erase", EMAIL, "--yes")
    assert full.tajo("keys", "rotate").code == 0
    assert full.tajo("sync", "zoom", "--json").json["erased"] == 1
    assert full.tajo("erase", "--undo", EMAIL).code == 0


def test_without_the_key_nothing_is_read(full: Any) -> None:
    """Nobody could tell who was erased: better no sync than one that brings them back. Undoing all helps."""
    full.tajo("erase", EMAIL, "--yes")
    (full.folder / "tajo.key").unlink()
    ran = full.tajo("sync", "zoom")
    assert ran.code == 3
    assert "--undo-all" in ran.err
    assert left(full) == {}
    assert full.tajo("erase", "--undo-all", "--no-input").code == 2
    assert full.tajo("erase", "--undo-all", "--yes").code == 0
    assert full.tajo("sync", "zoom").code == 0
    assert full.tajo("why", EMAIL).code == 0


def test_somebody_nobody_knows_is_kept_out_all_the_same(here: Any) -> None:
    ran = here.tajo("erase", EMAIL, "--yes")
    assert ran.code == 0
    assert "nothing was there" in ran.out
    assert here.tajo("sync", "zoom", "--json").json["erased"] == 1
    assert here.tajo("why", EMAIL).code == 1
    assert EMAIL not in here.brevo.contacts


def test_somebody_with_the_same_name_is_left_alone(full: Any) -> None:
    """Their address tells them apart, in rows and in webhooks."""
    stage = Stage(33, NOW)
    twin = stage.names.person(email="twin@mail.example", first_name=FIRST, last_name=LAST, phone="")
    webinar = stage.webinar("Twin", start=NOW - timedelta(hours=6))
    webinar.register(twin)
    webinar.hold().come(twin, 0, 30)
    full.zoom.world = stage.world()
    assert full.tajo("sync", "zoom").code == 0
    full.tajo("erase", EMAIL, "--yes")
    assert full.tajo("sync", "zoom", "--json").json["erased"] == 0
    assert "outcome: attended" in full.tajo("why", "twin@mail.example").out


# --- exporting ---


def test_an_export_has_everything(full: Any) -> None:
    ran = full.tajo("export-person", EMAIL)
    assert ran.code == 0, ran.err
    told = ran.json
    assert told["email"] == EMAIL
    assert {each["outcome"] for each in told["story"]["sessions"]} == {"attended", "registered"}
    tables = ("stays", "registrations", "sightings", "roster", "review", "ledger", "dead_letters")
    assert set(told["rows"]) >= set(tables)
    assert len(told["rows"]["stays"]) == 3
    assert {each["phone"] for each in told["rows"]["registrations"]} == {PHONE}
    registered = [each for each in told["webhooks"] if each["event"].endswith("registration_created")]
    assert {each["told"]["registrant"]["email"] for each in registered} == {EMAIL}
    assert "kim@mail.example" not in ran.out


def test_an_export_in_a_file_is_its_owners_alone(full: Any) -> None:
    path = full.folder / "person.json"
    path.write_text("before")
    path.chmod(0o644)
    ran = full.tajo("export-person", EMAIL, "--output", "person.json")
    assert (ran.code, ran.out) == (0, "")
    assert json.loads(path.read_text())["email"] == EMAIL
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nobody_to_export(here: Any) -> None:
    ran = here.tajo("export-person", "who@mail.example")
    assert (ran.code, ran.out) == (1, "")
    assert not (here.folder / "tajo.db").exists()


def test_a_resolved_letter_is_erased_too(full: Any) -> None:
    with databases(full) as (database, _):
        assert database.read_now(letters.open_letters) == []
        assert not database.read_now(erasures.load)
    assert full.tajo("erase", EMAIL, "--yes", "--json").json["deleted"]["dead_letters"] == 1
