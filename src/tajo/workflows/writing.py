"""Writing contacts one by one, and what both this and imports need: the report, the account's schema, the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tajo.brevo import deliver, schema
from tajo.brevo.api.errors import NotFound
from tajo.core.errors import RejectedError
from tajo.core.plan import Change, Delivered, Listing, Operation, after
from tajo.store import ledger, letters
from tajo.workflows.planning import check_schema, list_ids
from tajo.workflows.services import Services

Json = Any

GONE = "suppressed, and no contact in Brevo: none is made"


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


async def list_named(services: Services, name: str) -> int:
    known = services.schema
    assert known is not None, "the schema is read before any list is looked up"
    found = known.list_named(name)
    if found is None:
        found = await schema.create_list(services.brevo, name)
        services.schema = replace(known, lists={**known.lists, found: name})
    return found


def done(report: Report, operation: Operation) -> None:
    if operation.change is Change.CREATED:
        report.created += 1
    else:
        report.changed += 1


async def refuse(services: Services, refused: Sequence[tuple[str, RejectedError]], report: Report) -> None:
    for email, error in refused:
        report.refused += 1
        await services.database.write(letters.add, email, error, services.clock())


async def one_by_one(services: Services, operations: Sequence[Operation], report: Report) -> None:
    before = await services.database.read(ledger.load, [operation.email for operation in operations])
    for operation in operations:
        mine = before.get(operation.email)
        try:
            written = await deliver.write(services.brevo, operation, mine)
        except RejectedError as error:
            if operation.listing is Listing.SUPPRESSED and isinstance(error, NotFound):
                report.held_back[GONE] += 1
            else:
                await refuse(services, [(operation.email, error)], report)
        else:
            report.lost.update(f"{name}: {why}" for name, why in written.lost)
            done(report, operation)
            # A lost value counts as written, or every run would try it again.
            await record(services, [after(operation, mine)], "contact")
        services.progress.step()


async def record(services: Services, lines: Sequence[Delivered], how: str) -> None:
    now = services.clock()

    def save(connection: Any) -> None:
        ledger.save(connection, lines, how=how, now=now)
        letters.resolve(connection, [line.email for line in lines], now)

    await services.database.write(save)
