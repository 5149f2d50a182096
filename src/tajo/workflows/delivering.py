"""Bringing Brevo to what is wanted: what is planned is written one by one, or imported, and left lists are left.

Everything here may be done again after a kill: an import that was accepted is settled first, and what the ledger has
is not in the next plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from tajo.brevo import deliver, schema
from tajo.core.contact import Membership
from tajo.core.errors import RejectedError
from tajo.core.plan import Delivered, Operation, after
from tajo.store import ledger, letters, runs
from tajo.workflows import importing, opt_ins, writing
from tajo.workflows.consenting import keep_evidence
from tajo.workflows.planning import Prepared, list_ids, prepare, shown
from tajo.workflows.services import Services
from tajo.workflows.writing import Report

Json = Any

ROUNDS = 2  # an import that fails is tried once more
IMPORTS = "imports"  # the subject of the dead letter about imports that keep failing


async def dry_run(services: Services, run_id: str) -> Json:
    """The plan, and nothing else: what `deliver` would write."""
    known = await writing.read_schema(services)
    targets = list_ids(services, known)
    emails = await services.database.read(runs.people, run_id)
    prepared = await services.database.read(prepare, emails, services, known, targets)
    report = Report(refused=len(prepared.refused))
    _count(report, prepared)
    for operation in prepared.plan.operations:
        writing.done(report, operation)
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
    known = await writing.read_schema(services)
    targets = await _targets(services, known)
    report = Report()
    emails = set(emails)
    await keep_evidence(services, emails)
    await opt_ins.confirm(services, emails)
    await importing.settle(services, report, await importing.left_behind(services))
    prepared = await services.database.read(prepare, emails, services, known, targets)
    await writing.refuse(services, prepared.refused, report)
    _count(report, prepared)
    services.progress.phase("contacts", len(prepared.plan.operations))
    for _ in range(ROUNDS):
        operations = prepared.plan.operations
        if not operations:
            break
        if len(operations) <= deliver.FEW:
            await writing.one_by_one(services, operations, report)
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
    known = await writing.read_schema(services)
    targets = await _targets(services, known)
    report = Report()
    await keep_evidence(services, emails)
    await opt_ins.confirm(services, emails)
    busy = {row.email for each in await _under_way(services, emails) for row in each.rows}
    prepared = await services.database.read(prepare, set(emails) - busy, services, known, targets)
    await writing.refuse(services, prepared.refused, report)
    _count(report, prepared)
    operations = prepared.plan.operations
    if len(operations) <= deliver.FEW:
        await writing.one_by_one(services, operations, report)
        return report
    mine: list[ledger.Import] = []
    with importing.watched(services, mine):
        singly = await importing.start(services, operations, mine)
        singly += [each for each in operations if not each.attributes and not each.join]  # they only leave lists
        await writing.one_by_one(services, singly, report)
    for operation in operations:
        if operation not in singly:
            writing.done(report, operation)
    return report


async def under_way(services: Services, emails: Collection[str]) -> list[int]:
    """Imports of these people that were accepted, by whatever process, and whose end nobody has seen."""
    return [each.process_id for each in await _under_way(services, emails)]


async def _under_way(services: Services, emails: Collection[str]) -> list[ledger.Import]:
    since = services.clock() - importing.LONGEST_IMPORT  # older ones are lost
    opened = await services.database.read(ledger.open_imports)
    return [e for e in opened if e.submitted_at > since and any(row.email in emails for row in e.rows)]


async def see_through(services: Services, process_ids: Collection[int]) -> Report:
    """Wait for the end of these imports, record what they wrote, and write what is left to be written of them."""
    opened = await services.database.read(ledger.open_imports)
    mine = [each for each in opened if each.process_id in process_ids]
    report = Report()
    if mine:
        with importing.watched(services, mine):
            await importing.settle(services, report, mine)
        report = await deliver_people(services, {row.email for each in mine for row in each.rows})
    return report


async def as_wanted(services: Services, emails: Collection[str]) -> set[str]:
    """Those of them whose contacts need no write: what is told of them finds them as they are to be."""
    known = await writing.read_schema(services)
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
            targets[membership] = await writing.list_named(services, name)
    return targets


def _count(report: Report, prepared: Prepared) -> None:
    report.unchanged = prepared.plan.unchanged
    report.held_back = Counter(prepared.held_back.values())
    for (name, why), people in prepared.unfit.items():
        report.lost[f"{name}: {why}"] += people
    for _, name, why in prepared.plan.dropped:
        report.lost[f"{name}: {why}"] += 1


async def _in_bulk(services: Services, operations: Sequence[Operation], report: Report) -> set[str]:
    """Imports for what is to be set and joined, removals for what is to be left; who is still to be written."""
    before = await services.database.read(ledger.load, [operation.email for operation in operations])
    mine: list[ledger.Import] = []
    with importing.watched(services, mine):
        singly = await importing.start(services, operations, mine)
        failed, refused = await importing.settle(services, report, mine)
    await writing.one_by_one(services, singly, report)
    apart = failed | refused | {operation.email for operation in singly}
    done = [operation for operation in operations if operation.email not in apart]
    for operation in done:
        writing.done(report, operation)
    await _leave(services, [operation for operation in done if operation.leave], before)
    if not failed:
        await services.database.write(letters.resolve, [IMPORTS], services.clock())
    return failed


async def _leave(services: Services, operations: Sequence[Operation], before: Mapping[str, Delivered]) -> None:
    by_list: dict[int, list[str]] = {}
    for operation in operations:
        for list_id in operation.leave:
            by_list.setdefault(list_id, []).append(operation.email)
    for list_id, emails in sorted(by_list.items()):
        await deliver.leave(services.brevo, list_id, emails)
    lines = [after(operation, before.get(operation.email)) for operation in operations]
    if lines:
        await writing.record(services, lines, "list removal")
