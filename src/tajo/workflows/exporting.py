"""Everything that is known about one person, as JSON: complete by the same marks that erasing goes by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tajo.config.model import Config
from tajo.store import bodies, personal
from tajo.store.database import Database
from tajo.workflows.consenting import policy
from tajo.workflows.erasing import known
from tajo.workflows.services import terms_of
from tajo.workflows.stories import story


async def export(
    config: Config, database: Database, box: Database | None, email: str, now: datetime
) -> dict[str, Any] | None:
    """The story, every row by its table, and what webhooks told; None for somebody nobody has heard of."""
    person = await known(database, box, email)
    rows = await database.read(personal.told, person)
    webhooks = await box.read(bodies.told, person) if box is not None else []
    if not rows and not webhooks:
        return None
    return {
        "email": email,
        "exported_at": now.isoformat(),
        "story": await database.read(story, email, terms_of(config), policy(config)),
        "rows": rows,
        "webhooks": webhooks,
    }
