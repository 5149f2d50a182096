"""Many contacts at once: an import is accepted with a process id and done later, row by row.

An import is an upsert, so repeating one whose answer was lost is safe. It needs at least one list.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tajo.brevo.api import limits
from tajo.brevo.api.contacts import ContactWrite
from tajo.brevo.api.reading import Record, number, record, records, text
from tajo.brevo.api.writing import chunks as runs
from tajo.brevo.api.writing import json_size
from tajo.core.errors import ContractError
from tajo.http import Call

MAX_BYTES = 8_000_000  # Brevo refuses 10 MB and recommends 8

FINISHED = frozenset({"completed", "failed", "cancelled"})
_STATUS = {"in_process": "processing", "in_progress": "processing", "canceled": "cancelled"}


@dataclass(frozen=True, slots=True)
class Process:
    """A background job. `status`: queued, processing, completed, failed, cancelled; else Brevo's own new word.

    `name` is IMPORTUSER for an import. `reports` has only the reports that are not empty: invalid_emails,
    duplicate_phone_id … → the address of a CSV file (or, in the shape before April 2026, a number of rows).
    """

    id: int
    name: str
    status: str
    reports: Mapping[str, str]

    @property
    def finished(self) -> bool:
        """Whether it will not change any more, well or badly."""
        return self.status in FINISHED


@dataclass(frozen=True, slots=True)
class ProcessPage:
    """One page of the account's jobs, `count` of all."""

    processes: tuple[Process, ...]
    count: int


def chunks(rows: Iterable[ContactWrite], max_bytes: int = MAX_BYTES) -> Iterator[tuple[ContactWrite, ...]]:
    """The rows, in order, in as few imports as fit: each `jsonBody` takes at most `max_bytes` as serialised."""
    return runs(rows, lambda write: json_size(_row(write)), max_bytes=max_bytes)


def start(
    rows: Sequence[ContactWrite], list_ids: Sequence[int], *, empty_contacts_attributes: bool = False
) -> Call[int]:
    """Import one chunk into the lists; the process id to watch.

    `empty_contacts_attributes`: "" in a row erases what the contact has. Rows must be distinct by e-mail, because
    which of two wins is undocumented, and may name no list of their own outside `list_ids` (ValueError: a bug of
    the caller). Attributes the account does not have are ignored by Brevo at the end of the import.
    Source: https://developers.brevo.com/reference/import-contacts
    """
    if not rows or not list_ids:
        raise ValueError("an import needs rows and at least one list: Brevo takes none without")
    if len({write.email for write in rows}) != len(rows):
        raise ValueError("an e-mail is twice in one import")
    if not {each for write in rows for each in write.list_ids} <= set(list_ids):
        raise ValueError("a row names a list that this import does not add to")
    body = {
        "jsonBody": [_row(write) for write in rows],
        "listIds": [int(each) for each in list_ids],
        "updateExistingContacts": True,
        "emptyContactsAttributes": empty_contacts_attributes,
        "disableNotification": True,  # else the account's owner gets a mail for each import
    }
    return Call(
        "POST",
        "/contacts/import",
        parse=lambda value: number(record(value), "processId"),
        origin="brevo.imports.start",
        label=limits.CONTACTS,
        body=body,
    )


def process(process_id: int) -> Call[Process]:
    """One job's state; NotFound when there is none. Costs one of the 100 calls an hour of the `other` bucket.

    Source: https://developers.brevo.com/reference/get-process
    """
    path = f"/processes/{int(process_id)}"
    return Call("GET", path, parse=_process, origin="brevo.processes.get", label=limits.PROCESSES)


def processes() -> Call[ProcessPage]:
    """The 50 newest jobs: all running imports for the price of one call.

    Source: https://developers.brevo.com/reference/get-processes
    """
    query = {"limit": "50", "sort": "desc"}
    return Call("GET", "/processes", parse=_page, origin="brevo.processes.page", label=limits.PROCESSES, query=query)


def report_rows(content: str) -> tuple[Mapping[str, str], ...]:
    """The rows of a CSV report by their column names; () for an empty one. ContractError when it is no CSV.

    Its shape is undocumented: separated by ";" or ",", with or without a byte-order mark. Cells beyond the header
    are named by their place ("column 4").
    """
    lines = content.removeprefix("\ufeff")
    separator = ";" if ";" in lines.partition("\n")[0] else ","
    try:
        table = [row for row in csv.reader(io.StringIO(lines), delimiter=separator) if any(row)]
    except csv.Error:
        raise ContractError("an import's report is not readable as CSV", origin="brevo.imports.report") from None
    if not table:
        return ()
    header = [name.strip() for name in table[0]]
    return tuple({_column(header, at): cell for at, cell in enumerate(row)} for row in table[1:])


def _column(header: Sequence[str], at: int) -> str:
    return (header[at] if at < len(header) else "") or f"column {at + 1}"


def _row(write: ContactWrite) -> dict[str, Any]:
    # JSON's true and false were reported as not applied by imports, Yes and No as working:
    # https://github.com/sendinblue/APIv3-python-library/issues/95
    values = {
        name: ("Yes" if value else "No") if isinstance(value, bool) else value
        for name, value in write.attributes.items()
    }
    return {"email": write.email, "attributes": values}


def _process(value: Any) -> Process:
    row = record(value)
    status = text(row, "status").lower()
    return Process(number(row, "id"), text(row, "name"), _STATUS.get(status, status), _reports(row))


def _reports(row: Record) -> dict[str, str]:
    info = row.get("info")
    found = info.get("import") if isinstance(info, dict) else None
    known = found if isinstance(found, dict) else {}
    return {str(name): text(known, name) for name, value in known.items() if value and text(known, name)}


def _page(value: Any) -> ProcessPage:
    return ProcessPage(tuple(_process(row) for row in records(value, "processes")), number(record(value), "count"))
