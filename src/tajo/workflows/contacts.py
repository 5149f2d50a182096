"""One contact, written on request of a program."""

from __future__ import annotations

from typing import Any

from tajo.brevo import deliver
from tajo.core.mapping import Attribute
from tajo.core.plan import Change, Operation, after
from tajo.store import ledger
from tajo.workflows.services import Services


async def write_one(
    services: Services, email: str, attributes: dict[str, Attribute], list_ids: frozenset[int]
) -> dict[str, Any]:
    """Write the contact and its line in the ledger; what a connector wrote about it before stays known."""
    address = email.strip().lower()
    before = (await services.database.read(ledger.load, [address])).get(address)
    change = Change.CREATED if before is None else Change.CHANGED
    operation = Operation(address, change, attributes, join=list_ids)
    written = await deliver.write(services.brevo, operation, before)
    now = services.clock()
    await services.database.write(
        lambda connection: ledger.save(connection, [after(operation, before)], how="contact", now=now)
    )
    return {"email": address, "lost": [list(each) for each in written.lost]}
