"""POST /contacts/import: many contacts at once, in the background.

The rows are read when the call arrives and written when the process ends. Source:
developers.brevo.com/reference/import-contacts.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tajo.simulators.brevo.account import Account
from tajo.simulators.brevo.book import Identifiers
from tajo.simulators.brevo.protocol import (
    Ask,
    Refusal,
    Reply,
    flag,
    integers,
    invalid,
    is_email,
    missing,
    number_of,
    object_of,
    phone_digits,
    required,
    text_of,
)
from tajo.simulators.brevo.records import Contact, ContactList, Json
from tajo.simulators.brevo.values import IGNORED, PHONES, Converter, import_converter

MAX_BYTES = 10 * 1024 * 1024
NO_IDENTIFIER = "We could not find any valid email or SMS or Contact ID in the file you uploaded."
_SLICE = 500  # rows written before others get at the account
_REPORT_OF = {
    "email": "duplicate_email_id",
    "ext_id": "duplicate_ext_id",
    "SMS": "duplicate_phone_id",
    "WHATSAPP": "duplicate_whatsapp_id",
    "LANDLINE_NUMBER": "duplicate_landline_number_id",
}
REPORTS = ("invalid_emails", "duplicate_contact_id", *_REPORT_OF.values())


class Row(NamedTuple):
    """One row as it came: `email` as written or "", `attributes` with SMS, EXT_ID and so on among them."""

    email: str
    attributes: Json


@dataclass(slots=True)
class Import:
    """The wishes of one call, and what came of its rows."""

    rows: list[Row]
    csv: bool
    list_ids: list[int]
    group_ids: list[int]
    update: bool
    empty_erases: bool
    email_blacklist: bool | None
    sms_blacklist: bool | None
    reports: dict[str, list[str]] = field(default_factory=dict)

    def report(self, kind: str, value: object) -> None:
        self.reports.setdefault(kind, []).append(str(value))


def import_contacts(account: Account, ask: Ask) -> Reply:
    """202 with a process id. Without any usable row, or without a list, nothing is started."""
    body = ask.fields()
    if ask.size > MAX_BYTES:
        raise Refusal(400, "out_of_range", "Maximum allowed body size is 10MB")
    rows, is_csv = _rows(account, body)
    if not any(_usable(row) for row in rows):
        raise invalid(NO_IDENTIFIER)
    if not body.get("listIds") and not body.get("newList"):
        raise missing("Missing listIds or newList")
    group_ids = _groups(account, body)
    todo = Import(
        rows,
        is_csv,
        _lists(account, body),
        group_ids,
        flag(body, "updateExistingContacts") is not False,
        flag(body, "emptyContactsAttributes") is True,
        flag(body, "emailBlacklist"),
        flag(body, "smsBlacklist"),
    )
    return Reply(202, {"processId": _start(account, todo, body)})


def _start(account: Account, todo: Import, body: Json) -> int:
    notify_url, quiet = text_of(body, "notifyUrl"), flag(body, "disableNotification") is True
    process = account.new_process("IMPORTUSER", account.switches.import_queued_s, account.switches.import_working_s)
    process.notify_url = notify_url
    if account.failing_imports > 0:
        account.failing_imports -= 1
        process.fails = True

    def work() -> Iterator[None]:
        if not process.fails:
            yield from write_rows(account, todo)
            process.reports = {kind: "\n".join([kind, *lines]) + "\n" for kind, lines in todo.reports.items()}
        if not quiet:
            account.owner_mails.append(process.id)

    account.start(process, work)
    return process.id


def _lists(account: Account, body: Json) -> list[int]:
    list_ids = list(integers(body, "listIds"))
    account.check_lists(list_ids)
    new_list = object_of(body, "newList")
    if new_list:
        required(new_list, "listName")
        name, folder = text_of(new_list, "listName"), number_of(new_list, "folderId")
        folder = min(account.folders, default=0) if folder is None else folder
        if folder not in account.folders:
            raise invalid("folderId does not exist")
        id = account.next_id("list")
        account.lists[id] = ContactList(id, name, folder, account.now())
        list_ids.append(id)
    return list_ids


def _groups(account: Account, body: Json) -> list[int]:
    ids = integers(body, "consentGroupIds")
    if ids and not account.switches.consent_groups:
        raise Refusal(403, "CONSENT_GROUP_NOT_ENABLED", "Consent groups are not enabled")
    if any(id not in account.groups for id in ids):
        raise invalid("consentGroupIds does not exist")
    return ids


# Reading rows


def _rows(account: Account, body: Json) -> tuple[list[Row], bool]:
    """The rows, and whether they come from a CSV text."""
    given = [name for name in ("jsonBody", "fileBody", "fileUrl") if body.get(name)]
    if len(given) != 1:
        raise missing("Please pass exactly one of fileUrl, fileBody or jsonBody")
    if given == ["jsonBody"]:
        return _json_rows(body["jsonBody"]), False
    if given == ["fileBody"]:
        return csv_rows(text_of(body, "fileBody")), True
    url = text_of(body, "fileUrl")
    if url not in account.files:
        raise invalid("fileUrl could not be read")
    text = account.files[url]
    return (_json_rows(json.loads(text)), False) if url.endswith(".json") else (csv_rows(text), True)


def _json_rows(items: Any) -> list[Row]:
    if not isinstance(items, list):
        raise invalid("jsonBody should be an array")
    rows = []
    for item in items:
        attributes = item.get("attributes") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(attributes, dict | None):
            raise invalid("jsonBody should be an array of objects with email and attributes")
        rows.append(Row(str(item.get("email") or ""), attributes or {}))
    return rows


def csv_rows(text: str) -> list[Row]:
    """Rows of a CSV with a header, separated by semicolons; the address is in the column EMAIL, in any case.

    Other names are taken as they are written, like those of a jsonBody.
    """
    lines = csv.reader(io.StringIO(text), delimiter=";")
    names = [name.strip() for name in next(lines, [])]
    names = ["EMAIL" if name.upper() == "EMAIL" else name for name in names]
    rows = []
    for line in lines:
        cells = dict(zip(names, line, strict=False))
        if line:
            rows.append(Row(cells.pop("EMAIL", ""), cells))
    return rows


def _usable(row: Row) -> bool:
    return is_email(row.email) or any(row.attributes.get(name) for name in (*PHONES, "EXT_ID"))


# Writing rows


def write_rows(account: Account, todo: Import) -> Iterator[None]:
    """Write all rows; yields after each slice."""
    losers = _losers(todo, account.switches.import_winner)
    converters = {
        attribute.name: import_converter(attribute, account.switches, csv=todo.csv)
        for attribute in account.attributes.values()
        if attribute.category in ("normal", "category") and attribute.name not in PHONES
    }
    convert = _folding if account.switches.lowercase_attributes == "folded" else _as_they_are
    for index, row in enumerate(todo.rows):
        if index % _SLICE == _SLICE - 1:
            yield
        if index in losers:
            todo.report("duplicate_email_id", row.email)
        else:
            _write(account, todo, Row(row.email, convert(row.attributes)), converters)


def _as_they_are(attributes: Json) -> Json:
    return attributes


def _folding(attributes: Json) -> Json:
    return {name.upper(): value for name, value in attributes.items()}


def _losers(todo: Import, winner: str) -> set[int]:
    """The rows that repeat an address of another row; which one counts is not confirmed."""
    seen: set[str] = set()
    losers = set()
    order: Callable[[Iterator[int]], Any] = iter if winner == "first" else (lambda indexes: reversed(list(indexes)))
    for index in order(iter(range(len(todo.rows)))):
        email = str(todo.rows[index].email).lower()
        if email and email in seen:
            losers.add(index)
        seen.add(email)
    return losers


def _write(account: Account, todo: Import, row: Row, converters: dict[str, Converter]) -> None:
    identifiers = _identify(todo, row)
    if identifiers is None or identifiers.empty():
        return
    contact = _target(account, identifiers)
    kinds = account.book.clashes(identifiers, contact)
    for kind in kinds:
        todo.report(_REPORT_OF[kind], dict(identifiers.others()).get(kind, identifiers.email))
    if kinds:
        if account.switches.import_clash == "row" or "email" in kinds:
            return
        identifiers = _without(identifiers, kinds)
    now = account.now()
    if contact is None:
        contact = account.book.create(identifiers, now)
    else:
        account.book.touch(contact, now)
        if not todo.update:
            account.add_to_lists(contact, todo.list_ids)
            return
        account.book.identify(contact, identifiers)
    _fill(todo, contact, row, converters)
    _flags(account, todo, contact)
    account.add_to_lists(contact, todo.list_ids)


def _identify(todo: Import, row: Row) -> Identifiers | None:
    """Who a row means; None for an invalid address, which goes to the report."""
    email = row.email
    if email and not is_email(email):
        todo.report("invalid_emails", email)
        return None
    attributes = row.attributes
    phones: tuple[tuple[str, str], ...] = ()
    if "SMS" in attributes or "WHATSAPP" in attributes or "LANDLINE_NUMBER" in attributes:
        pairs = [(name, phone_digits(attributes.get(name) or None)) for name in PHONES]
        phones = tuple((name, digits) for name, digits in pairs if digits is not None)
    ext_id = attributes.get("EXT_ID")
    return Identifiers(email.lower(), str(ext_id) if ext_id else "", phones)


def _target(account: Account, identifiers: Identifiers) -> Contact | None:
    if identifiers.email:
        return account.book.by_email.get(identifiers.email)
    found = account.book.find(identifiers)
    return found[0] if found else None


def _without(identifiers: Identifiers, kinds: list[str]) -> Identifiers:
    ext_id = "" if "ext_id" in kinds else identifiers.ext_id
    phones = tuple(pair for pair in identifiers.phones if pair[0] not in kinds)
    return Identifiers(identifiers.email, ext_id, phones)


def _fill(todo: Import, contact: Contact, row: Row, converters: dict[str, Converter]) -> None:
    """Values of known attributes; empty ones erase only where that was asked for."""
    for name, value in row.attributes.items():
        convert = converters.get(name)
        if convert is None:
            continue
        if value is None or value == "":
            if todo.empty_erases:
                contact.attributes.pop(name, None)
        elif (stored := convert(value)) is not IGNORED:
            contact.attributes[name] = stored


def _flags(account: Account, todo: Import, contact: Contact) -> None:
    """emailBlacklist false is the default and understood as "do not block", not as "unblock"."""
    unblocks = account.switches.import_false_unblocks
    if todo.email_blacklist or (todo.email_blacklist is False and unblocks):
        contact.email_blacklisted = todo.email_blacklist
    if todo.sms_blacklist or (todo.sms_blacklist is False and unblocks):
        contact.sms_blacklisted = todo.sms_blacklist
    for id in todo.group_ids:
        contact.consent_groups[id] = "subscribed"
