"""One contact, written on request of a program, beside what connectors write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tajo.brevo import deliver, schema
from tajo.core.errors import RejectedError
from tajo.core.mapping import Attribute, Declared, UnfitError, coerce
from tajo.core.plan import Change, Listing, Operation
from tajo.store import suppressions
from tajo.workflows.services import Services


async def write_one(
    services: Services, email: str, attributes: Mapping[str, Any], list_ids: frozenset[int]
) -> dict[str, Any]:
    """Write a contact: {"email", "lost": [[attribute, why], …]}. RejectedError when Brevo takes nothing of it.

    The ledger is not touched: what a program puts on a list, no later sync takes off again. Whoever is on our
    suppression list is put on none, and not created.
    """
    address = email.strip().lower()
    if services.schema is None:
        services.schema = await schema.read(services.brevo)
    if unknown := sorted(list_ids - set(services.schema.lists)):
        raise RejectedError(f"Brevo has no list {unknown[0]}", origin="contacts.sync", hint="check list_ids")
    fitting, lost = _fit(attributes, services.schema.attributes)
    listing = Listing.ALLOWED
    if why := (await services.database.read(suppressions.among, [address])).get(address):
        listing = Listing.SUPPRESSED
        lost += [(f"list {each}", f"suppressed: {why}") for each in sorted(list_ids)]
        list_ids = frozenset()
    operation = Operation(address, Change.CREATED, fitting, join=list_ids, listing=listing)
    written = await deliver.write(services.brevo, operation, None)
    return {"email": address, "lost": [list(each) for each in (*lost, *written.lost)]}


def _fit(
    attributes: Mapping[str, Any], declared: Mapping[str, Declared]
) -> tuple[dict[str, Attribute], list[tuple[str, str]]]:
    """The values in the types that the account declares; what does not fit is told, not sent."""
    fitting: dict[str, Attribute] = {}
    lost: list[tuple[str, str]] = []
    for given, value in attributes.items():
        if value is None:
            continue
        name = given.strip().upper()
        known = declared.get(name)
        if known is None:
            lost.append((given, "Brevo has no such attribute"))
            continue
        try:
            fitting[name] = coerce(_plain(value), known, ZoneInfo("UTC"))
        except UnfitError as error:
            lost.append((given, str(error)))
    return fitting, lost


def _plain(value: Any) -> str | int | float | bool | datetime:
    if isinstance(value, bool | int | float | datetime):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)
