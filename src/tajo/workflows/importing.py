"""Imports: started, watched to their end, verified, and recorded; whoever breaks off leaves them to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import Any

from tajo.brevo import deliver, schema
from tajo.brevo.api.imports import Process
from tajo.core.errors import ContractError, RejectedError
from tajo.core.mapping import PHONE_ATTRIBUTES
from tajo.core.plan import Change, Delivered, Listing, Operation, after
from tajo.store import ledger, letters, suppressions
from tajo.workflows import writing
from tajo.workflows.planning import kept_off_lists
from tajo.workflows.services import Services
from tajo.workflows.writing import Report

LOOKS_S = (5.0, 10.0, 15.0, 30.0, 60.0)  # between looks at running imports: at 5, 15, 30, 60 s, then each minute
LONGEST_IMPORT = timedelta(minutes=30)  # ours; Brevo promises nothing
PHONES = "SMS, WHATSAPP or LANDLINE_NUMBER"


async def start(services: Services, operations: Sequence[Operation], mine: list[ledger.Import]) -> list[Operation]:
    """Start the imports for what is to be set and joined, and add them to `mine`; what can only be written singly."""
    before = await services.database.read(ledger.load, [operation.email for operation in operations])
    by_email = {operation.email: operation for operation in operations}
    setting = [operation for operation in operations if operation.attributes or operation.join]
    # No import without a list to join: whoever is suppressed is not even for a moment on one.
    singly = [operation for operation in setting if operation.listing is Listing.SUPPRESSED]
    setting = [operation for operation in setting if operation.listing is not Listing.SUPPRESSED]
    # Joined by hand to the list that takes everyone only where there is none to join.
    bare = any(not operation.join for operation in setting)
    everyone = await writing.list_named(services, schema.EVERYONE) if bare else 0
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


async def left_behind(services: Services) -> list[ledger.Import]:
    """Accepted imports that nobody watches any more: of before this process, or of work that broke off in it.

    Those of other work that is under way have their watcher: a registration does not wait for a sweep's import.
    """
    opened = await services.database.read(ledger.open_imports)
    return [e for e in opened if e.submitted_at < services.started_at or e.process_id in services.unwatched]


@contextmanager
def watched(services: Services, mine: Sequence[ledger.Import]) -> Iterator[None]:
    """Whatever breaks off in here leaves its imports to the next who delivers."""
    try:
        yield
    except BaseException:
        services.unwatched.update(each.process_id for each in mine)
        raise


async def settle(services: Services, report: Report, mine: Sequence[ledger.Import]) -> tuple[set[str], set[str]]:
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
    if opened.lists == {(await writing.read_schema(services)).list_named(schema.EVERYONE)}:
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
            await writing.refuse(services, [(row.email, error)], report)
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
