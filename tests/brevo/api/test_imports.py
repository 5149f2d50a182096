"""Imports: exact chunks, one call, and jobs read in every shape Brevo has had."""

from __future__ import annotations

import json

import pytest

from tajo.brevo.api import imports
from tajo.brevo.api.contacts import ContactWrite
from tajo.core.errors import ContractError


def rows(count: int) -> list[ContactWrite]:
    return [ContactWrite(f"p{at}@x.eu", {"FIRSTNAME": "김" * 10}) for at in range(count)]


def test_an_import_updates_quietly() -> None:
    """No mail to the account's owner, existing contacts updated, booleans as the words that imports understand."""
    call = imports.start([ContactWrite("A@x.eu", {"VIP": True, "OLD": False, "N": 1})], [7])
    assert (call.method, call.path, call.label, call.repeatable) == ("POST", "/contacts/import", "contacts", True)
    assert call.body == {
        "jsonBody": [{"email": "a@x.eu", "attributes": {"VIP": "Yes", "OLD": "No", "N": 1}}],
        "listIds": [7],
        "updateExistingContacts": True,
        "emptyContactsAttributes": False,
        "disableNotification": True,
    }
    assert call.parse({"processId": 78}) == 78
    assert imports.start(rows(1), [7], empty_contacts_attributes=True).body["emptyContactsAttributes"] is True


def test_an_import_that_cannot_be_meant_is_a_bug() -> None:
    one = ContactWrite("a@x.eu", list_ids=(9,))
    for writes, lists in (([], [7]), ([one], []), ([one], [7]), ([one, ContactWrite("A@X.eu")], [9])):
        with pytest.raises(ValueError):
            imports.start(writes, lists)
    assert imports.start([one], [7, 9]).body["listIds"] == [7, 9]


def test_chunks_are_counted_in_bytes_as_sent() -> None:
    """Each row is 66 bytes, 30 of them for ten Korean letters: three rows with brackets and commas are 202."""
    size = len(
        json.dumps(imports.start(rows(3), [7]).body["jsonBody"], ensure_ascii=False, separators=(",", ":")).encode()
    )
    assert [len(run) for run in imports.chunks(rows(7), size)] == [3, 3, 1]
    assert [len(run) for run in imports.chunks(rows(7), size - 1)] == [2, 2, 2, 1]
    assert [len(run) for run in imports.chunks(rows(7))] == [7]


@pytest.mark.parametrize(
    ("said", "status", "finished"),
    [
        ("queued", "queued", False),
        ("in_process", "processing", False),
        ("processing", "processing", False),
        ("completed", "completed", True),
        ("failed", "failed", True),
        ("cancelled", "cancelled", True),
        ("canceled", "cancelled", True),
        ("paused", "paused", False),
    ],
)
def test_states_are_normalised_and_new_ones_kept(said: str, status: str, finished: bool) -> None:
    process = imports.process(78).parse({"id": 78, "name": "IMPORTUSER", "status": said})
    assert (process.id, process.name, process.status, process.finished) == (78, "IMPORTUSER", status, finished)


def test_only_reports_with_rows_are_kept() -> None:
    call = imports.process(78)
    assert (call.path, call.label) == ("/processes/78", "processes")
    answer = {
        "id": 78,
        "name": "IMPORTUSER",
        "status": "completed",
        "info": {"import": {"invalid_emails": "https://b.example/i.csv", "duplicate_ext_id": None}, "export_url": "x"},
    }
    assert call.parse(answer).reports == {"invalid_emails": "https://b.example/i.csv"}


def test_the_shape_before_april_2026_counts_rows() -> None:
    answer = {"id": 1, "status": "completed", "info": {"import": {"invalid_emails": 3, "duplicate_phone_id": 0}}}
    assert imports.process(1).parse(answer).reports == {"invalid_emails": "3"}


def test_all_jobs_are_watched_with_one_call() -> None:
    call = imports.processes()
    assert (call.path, call.query, call.label) == ("/processes", {"limit": "50", "sort": "desc"}, "processes")
    page = call.parse({"count": 2, "processes": [{"id": 2, "status": "queued"}, {"id": 1, "status": "completed"}]})
    assert ([process.id for process in page.processes], page.count) == ([2, 1], 2)
    assert call.parse({"count": 0}).processes == ()


def test_a_report_is_read_in_either_form_of_csv() -> None:
    assert imports.report_rows("") == imports.report_rows("EMAIL\n") == ()
    semicolons = '\ufeffEMAIL;REASON\r\nbad@;"not; valid"\r\n\r\n'
    assert imports.report_rows(semicolons) == ({"EMAIL": "bad@", "REASON": "not; valid"},)
    commas = "EMAIL,SMS\na@x.eu,336,extra\nb@x.eu\n"
    assert imports.report_rows(commas) == (
        {"EMAIL": "a@x.eu", "SMS": "336", "column 3": "extra"},
        {"EMAIL": "b@x.eu"},
    )


def test_a_report_that_is_no_csv_breaks_the_contract() -> None:
    with pytest.raises(ContractError):
        imports.report_rows("EMAIL\n" + "x" * 200_000)
