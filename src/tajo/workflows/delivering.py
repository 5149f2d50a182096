"""Bringing Brevo to what is wanted: plan, write, watch the imports, verify, and record each thing that was written.

Everything here may be done again after a kill: an import that was accepted is settled first, and what the ledger has
is not in the next plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain
from typing import Any

from tajo.brevo import deliver, schema
from tajo.brevo.api.errors import NotFound
from tajo.brevo.api.imports import Process
from tajo.core.contact import Membership
from tajo.core.errors import ContractError, RejectedError
from tajo.core.mapping import PHONE_ATTRIBUTES
from tajo.core.plan import Change, Delivered, Listing, Operation, after
from tajo.store import ledger, letters, runs, suppressions
from tajo.workflows import opt_ins
from tajo.workflows.consenting import keep_evidence
from tajo.workflows.planning import Prepared, check_schema, kept_off_lists, list_ids, prepare, shown
from tajo.workflows.services import Services

Json = Any

LOOKS_S = (5.0, 10.0, 15.0, 30.0, 60.0)  # between looks at running imports: at 5, 15, 30, 60 s, then each minute
LONGEST_IMPORT = timedelta(minutes=30)  # ours; Brevo promises nothing
ROUNDS = 2  # an import that fails is tried once more
PHONES = "SMS, WHATSAPP or LANDLINE_NUMBER"
GONE = "suppressed, and no contact in Brevo: none is made"
IMPORTS = "imports"  # the subject of the dead letter about imports that keep failing


@dataclass
class Report:
    """What a delivery did. `lost` are field values that Brevo or a type refused: "SMS: why" → people.

    `held_back` says of how many people what is not done, and why: they are on no list, or nothing is written of them.
    """

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    held_back: Counter[str] = field(default_factory=Counter)
    writes: list[Json] = field(default_factory=list)

    def json(self) -> Json:
        numbers = {"created": self.created, "changed": self.changed, "unchanged": self.unchanged}
        held_back = {"held_back": dict(self.held_back)} if self.held_back else {}
        lost = {"refused": self.refused, "lost_fields": dict(self.lost)}
        return numbers | lost | held_back | {"writes": self.writes}


async def read_schema(services: Services) -> schema.Schema:
    """The account's attributes and lists, checked against the configuration; read once a process and run."""
    if services.schema is None:
        services.schema = await schema.read(services.brevo)
    check_schema(services, services.schema)
    list_ids(services, services.schema)
    return services.schema


async def dry_run(services: Services, run_id: str) -> Json:
    """The plan, and nothing else: what `deliver` would write."""
    known = await read_schema(services)
    targets = list_ids(services, known)
    emails = await services.database.read(runs.people, run_id)
    prepared = await services.database.read(prepare, emails, services, known, targets)
    report = Report(refused=len(prepared.refused))
    _count(report, prepared)
    for operation in prepared.plan.operations:
        _done(report, operation)
    new = {id_: str(getattr(services.connector.lists, which)) for which, id_ in targets.items() if id_ < 0}
    names = {**known.lists, **new}
    why = prepared.held_back
    report.writes = [shown(each, names, why.get(each.email, "")) for each in prepared.plan.operations]
    report.writes += [{"email": email, "change": "refused", "why": error.line()} for email, error in prepared.refused]
    report.writes += [{"email": each, "change": "left out", "why": why[each]} for each in sorted(prepared.left_out)]
    return report.json()


async def deliver_run(services: Services, run_id: str) -> Json:
    """Write everything that the run's people need; the report as JSON."""
    return (await deliver_people(services, await services.database.read(runs.people, run_id))).json()


async def deliver_people(services: Services, emails: Iterable[str]) -> Report:
    """Bring these people's contacts to what is wanted."""
    known = await read_schema(services)
    targets = await _targets(services, known)
    report = Report()
    emails = set(emails)
    await keep_evidence(services, emails)
    await opt_ins.confirm(services, emails)
    await _settle(services, report, await _left_behind(services))
    prepared = await services.database.read(prepare, emails, services, known, targets)
    await _refuse(services, prepared.refused, report)
    _count(report, prepared)
    services.progress.phase("contacts", len(prepared.plan.operations))
    for _ in range(ROUNDS):
        operations = prepared.plan.operations
        if not operations:
            break
        if len(operations) <= deliver.FEW:
            await _one_by_one(services, operations, report)
            break
        failed = await _in_bulk(services, operations, report)
        if not failed:
            break
        prepared = await services.database.read(prepare, emails, services, known, targets)
    else:
        await _given_up(services, len(prepared.plan.operations))
    return report


async def deliver_at_once(services: Services, emails: Collection[str]) -> Report:
    """As `deliver_people`, and no import is waited for: see `under_way` for those that are then to be seen through.

    People whose import is under way already are left alone: what it will have written is not known yet.
    """
    known = await read_schema(services)
    targets = await _targets(services, known)
    report = Report()
    await keep_evidence(services, emails)
    await opt_ins.confirm(services, emails)
    busy = {row.email for each in await _under_way(services, emails) for row in each.rows}
    prepared = await services.database.read(prepare, set(emails) - busy, services, known, targets)
    await _refuse(services, prepared.refused, report)
    _count(report, prepared)
    operations = prepared.plan.operations
    if len(operations) <= deliver.FEW:
        await _one_by_one(services, operations, report)
        return report
    mine: list[ledger.Import] = []
    with _watched(services, mine):
        singly = await _start(services, operations, mine)
        singly += [each for each in operations if not each.attributes and not each.join]  # they only leave lists
        await _one_by_one(services, singly, report)
    for operation in operations:
        if operation not in singly:
            _done(report, operation)
    return report


async def under_way(services: Services, emails: Collection[str]) -> list[int]:
    """Imports of these people that were accepted, by whatever process, and whose end nobody has seen."""
    return [each.process_id for each in await _under_way(services, emails)]


async def _under_way(services: Services, emails: Collection[str]) -> list[ledger.Import]:
    since = services.clock() - LONGEST_IMPORT  # older ones are lost
    opened = await services.database.read(ledger.open_imports)
    return [e for e in opened if e.submitted_at > since and any(row.email in emails for row in e.rows)]


async def see_through(services: Services, process_ids: Collection[int]) -> Report:
    """Wait for the end of these imports, record what they wrote, and write what is left to be written of them."""
    opened = await services.database.read(ledger.open_imports)
    mine = [each for each in opened if each.process_id in process_ids]
    report = Report()
    if mine:
        with _watched(services, mine):
            await _settle(services, report, mine)
        report = await deliver_people(services, {row.email for each in mine for row in each.rows})
    return report


async def as_wanted(services: Services, emails: Collection[str]) -> set[str]:
    """Those of them whose contacts need no write: what is told of them finds them as they are to be."""
    known = await read_schema(services)
    targets = await _targets(services, known)
    prepared = await services.database.read(prepare, emails, services, known, targets)
    return set(emails) - {operation.email for operation in prepared.plan.operations}


async def _given_up(services: Services, people: int) -> None:
    error = RejectedError(
        f"imports of {people} contacts failed {ROUNDS} times",
        origin="brevo.imports",
        hint="the next sync writes them; if it stays, look at Brevo's status page",
    )
    await services.database.write(letters.add, IMPORTS, error, services.clock())


async def _targets(services: Services, known: schema.Schema) -> dict[Membership, int]:
    """The lists' ids; those given by a name that no list has are created."""
    targets = list_ids(services, known)
    for membership, id_ in targets.items():
        if id_ < 0:
            name = str(getattr(services.connector.lists, membership.value))
            targets[membership] = await _list_named(services, name)
    return targets


async def _list_named(services: Services, name: str) -> int:
    known = services.schema
    assert known is not None, "the schema is read before any list is looked up"
    found = known.list_named(name)
    if found is None:
        found = await schema.create_list(services.brevo, name)
        services.schema = replace(known, lists={**known.lists, found: name})
    return found


def _count(report: Report, prepared: Prepared) -> None:
    report.unchanged = prepared.plan.unchanged
    report.held_back = Counter(prepared.held_back.values())
    for (name, why), people in prepared.unfit.items():
        report.lost[f"{name}: {why}"] += people
    for _, name, why in prepared.plan.dropped:
        report.lost[f"{name}: {why}"] += 1


def _done(report: Report, operation: Operation) -> None:
    if operation.change is Change.CREATED:
        report.created += 1
    else:
        report.changed += 1


async def _refuse(services: Services, refused: Sequence[tuple[str, RejectedError]], report: Report) -> None:
    for email, error in refused:
        report.refused += 1
        await services.database.write(letters.add, email, error, services.clock())


async def _one_by_one(services: Services, operations: Sequence[Operation], report: Report) -> None:
    before = await services.database.read(ledger.load, [operation.email for operation in operations])
    for operation in operations:
        mine = before.get(operation.email)
        try:
            written = await deliver.write(services.brevo, operation, mine)
        except RejectedError as error:
            if operation.listing is Listing.SUPPRESSED and isinstance(error, NotFound):
                report.held_back[GONE] += 1
            else:
                await _refuse(services, [(operation.email, error)], report)
        else:
            report.lost.update(f"{name}: {why}" for name, why in written.lost)
            _done(report, operation)
            # A lost value counts as written, or every run would try it again.
            await _record(services, [after(operation, mine)], "contact")
        services.progress.step()


async def _record(services: Services, lines: Sequence[Delivered], how: str) -> None:
    now = services.clock()

    def save(connection: Any) -> None:
        ledger.save(connection, lines, how=how, now=now)
        letters.resolve(connection, [line.email for line in lines], now)

    await services.database.write(save)


async def _in_bulk(services: Services, operations: Sequence[Operation], report: Report) -> set[str]:
    """Imports for what is to be set and joined, removals for what is to be left; who is still to be written."""
    before = await services.database.read(ledger.load, [operation.email for operation in operations])
    mine: list[ledger.Import] = []
    with _watched(services, mine):
        singly = await _start(services, operations, mine)
        failed, refused = await _settle(services, report, mine)
    await _one_by_one(services, singly, report)
    apart = failed | refused | {operation.email for operation in singly}
    done = [operation for operation in operations if operation.email not in apart]
    for operation in done:
        _done(report, operation)
    await _leave(services, [operation for operation in done if operation.leave], before)
    if not failed:
        await services.database.write(letters.resolve, [IMPORTS], services.clock())
    return failed


async def _start(services: Services, operations: Sequence[Operation], mine: list[ledger.Import]) -> list[Operation]:
    """Start the imports for what is to be set and joined, and add them to `mine`; what can only be written singly."""
    before = await services.database.read(ledger.load, [operation.email for operation in operations])
    by_email = {operation.email: operation for operation in operations}
    setting = [operation for operation in operations if operation.attributes or operation.join]
    # No import without a list to join: whoever is suppressed is not even for a moment on one.
    singly = [operation for operation in setting if operation.listing is Listing.SUPPRESSED]
    setting = [operation for operation in setting if operation.listing is not Listing.SUPPRESSED]
    # Joined by hand to the list that takes everyone only where there is none to join.
    bare = any(not operation.join for operation in setting)
    everyone = await _list_named(services, schema.EVERYONE) if bare else 0
    for target, rows in deliver.batches(setting, before, everyone):
        try:
            process_id = await deliver.submit(services.brevo, rows, target)
        except RejectedError:
            singly += [by_email[row.email] for row in rows]  # not one row of it is usable: each says why
            continue
        lines = [_joined(by_email[row.email], before.get(row.email)) for row in rows]
        mine.append(ledger.Import(process_id, services.clock(), target, tuple(lines)))
        await services.database.write(ledger.open_import, mine[-1])
    return singly


def _joined(operation: Operation, before: Delivered | None) -> Delivered:
    """The ledger's line after the import: lists that are still to be left are left later."""
    line = after(operation, before)
    return replace(line, lists=line.lists | operation.leave) if before else line


async def _leave(services: Services, operations: Sequence[Operation], before: Mapping[str, Delivered]) -> None:
    by_list: dict[int, list[str]] = {}
    for operation in operations:
        for list_id in operation.leave:
            by_list.setdefault(list_id, []).append(operation.email)
    for list_id, emails in sorted(by_list.items()):
        await deliver.leave(services.brevo, list_id, emails)
    lines = [after(operation, before.get(operation.email)) for operation in operations]
    if lines:
        await _record(services, lines, "list removal")


async def _left_behind(services: Services) -> list[ledger.Import]:
    """Accepted imports that nobody watches any more: of before this process, or of work that broke off in it.

    Those of other work that is under way have their watcher: a registration does not wait for a sweep's import.
    """
    opened = await services.database.read(ledger.open_imports)
    return [e for e in opened if e.submitted_at < services.started_at or e.process_id in services.unwatched]


@contextmanager
def _watched(services: Services, mine: Sequence[ledger.Import]) -> Iterator[None]:
    """Whatever breaks off in here leaves its imports to the next who delivers."""
    try:
        yield
    except BaseException:
        services.unwatched.update(each.process_id for each in mine)
        raise


async def _settle(services: Services, report: Report, mine: Sequence[ledger.Import]) -> tuple[set[str], set[str]]:
    """See these accepted imports to their end and record them; who is still to be written, and who was refused."""
    waiting = {each.process_id: each for each in mine}
    failed: set[str] = set()
    refused: set[str] = set()
    samples: list[Delivered] = []
    started = services.clock()
    age = started - max((each.submitted_at for each in mine), default=started)
    looks = chain([max(0.0, LOOKS_S[0] - age.total_seconds())], LOOKS_S[1:])
    while waiting:
        await _pause(services, next(looks, LOOKS_S[-1]), len(waiting))
        states = await deliver.processes(services.brevo, waiting)
        for process_id, process in states.items():
            if process.finished:
                opened = waiting.pop(process_id)
                if process.status == "completed":
                    refused |= await _settle_one(services, opened, process, report)
                else:
                    failed |= {row.email for row in opened.rows}
                    await services.database.write(ledger.settle_import, process.id, (), services.clock())
                samples += opened.rows[:1] if process.status == "completed" else ()
        if waiting and services.clock() - started > LONGEST_IMPORT:
            failed |= {row.email for each in waiting.values() for row in each.rows}
            services.unwatched.update(waiting)
            break
    await _verify(services, [each for each in samples if each.email not in failed | refused][:3])
    return failed, refused


async def _pause(services: Services, seconds: float, imports: int) -> None:
    services.progress.waits(f"{imports} Brevo import{'s' if imports > 1 else ''}", services.clock())
    await services.sleep(seconds)


async def _settle_one(services: Services, opened: ledger.Import, process: Process, report: Report) -> set[str]:
    """Record what a completed import wrote; the e-mails of rows that Brevo refuses."""
    now = services.clock()
    mine = {row.email: row for row in opened.rows}
    missing: set[str] = set()
    if process.reports:
        missing = await _mend(services, opened, process, report)
    done = [row for email, row in mine.items() if email not in missing]
    await _off_the_list(services, opened)

    def settle(connection: Any) -> None:
        ledger.settle_import(connection, process.id, done, now)
        letters.resolve(connection, [row.email for row in done], now)

    await services.database.write(settle)
    services.progress.step(len(done))
    return missing


async def _off_the_list(services: Services, opened: ledger.Import) -> None:
    """An import needs a list: who may be on none is taken off the one that it took for that."""
    if opened.lists == {(await read_schema(services)).list_named(schema.EVERYONE)}:
        emails = [row.email for row in opened.rows]
        barred = await services.database.read(kept_off_lists, services, emails)
        await deliver.leave(services.brevo, min(opened.lists), sorted(barred))


async def _mend(services: Services, opened: ledger.Import, process: Process, report: Report) -> set[str]:
    """Brevo refused rows of an import. Who is not on its list after all is written singly, which says why.

    Phone numbers that somebody else holds cost their row: those people are written without them. Returns who could
    not be written; each of them has a dead letter.
    """
    there: set[str] = await deliver.members(services.brevo, min(opened.lists))
    absent = [row for row in opened.rows if row.email not in there]
    # Who unsubscribed meanwhile is left to the next plan, which puts them on no list.
    refused = set(await services.database.read(suppressions.among, [row.email for row in absent]))
    for row in absent:
        if row.email in refused:
            continue
        operation = Operation(row.email, Change.CREATED, row.attributes, row.lists)
        try:
            written = await deliver.write(services.brevo, operation, None)
        except RejectedError as error:
            refused.add(row.email)
            await _refuse(services, [(row.email, error)], report)
        else:
            report.lost.update(f"{name}: {why}" for name, why in written.lost)
    named = [row for row in opened.rows if row.email in there and PHONE_ATTRIBUTES & set(row.attributes)]
    if named and any(
        kind in report_name for report_name in process.reports for kind in ("phone", "whatsapp", "landline")
    ):
        report.lost[f"{PHONES}: Brevo tells of numbers that others have (import {process.id})"] += 1
        for row in named:
            if await deliver.arrived(services.brevo, row):
                operation = Operation(row.email, Change.CHANGED, row.attributes, row.lists)
                written = await deliver.write(services.brevo, operation, row)
                report.lost.update(f"{name}: {why}" for name, why in written.lost)
    return refused


async def _verify(services: Services, samples: Sequence[Delivered]) -> None:
    """Read some contacts back: an import that drops an attribute says nothing of it."""
    for line in samples:
        absent = await deliver.arrived(services.brevo, line)
        if absent:
            error = ContractError(
                f"an import was completed, but {', '.join(absent)} did not arrive",
                origin="brevo.imports",
                hint="run `tajo check`, then look at the contact in Brevo",
            )
            await services.database.write(letters.add, line.email, error, services.clock())
