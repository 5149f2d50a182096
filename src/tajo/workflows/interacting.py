"""Polls and Q&A of an instance, read with its report: what Zoom refuses of it costs nothing but itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from tajo.connectors.zoom import read
from tajo.connectors.zoom.api.errors import NotReady, TokenRefused, TooOld, WrongKind
from tajo.core.errors import ContractError, CredentialError, RejectedError
from tajo.core.facts import Interaction, Kind
from tajo.store import facts
from tajo.workflows.services import Services

WORDS: Mapping[Interaction, str] = MappingProxyType(
    {Interaction.POLL: "polls answered are not counted", Interaction.QUESTION: "questions asked are not counted"}
)


async def read_interactions(services: Services, kind: Kind, uuid: str, absent: Collection[str]) -> str:
    """Read who answered polls and who asked questions in one instance; `absent` is what a listing says it had not.

    Always "": a feature that the app, the plan or the session lacks is a note, and stops nothing.
    """
    for what in Interaction:
        if what not in absent:
            await _read(services, kind, uuid, what)
    return ""


async def _read(services: Services, kind: Kind, uuid: str, what: Interaction) -> None:
    feature = f"{kind} {what}"
    if services.is_closed(feature):
        return
    try:
        found = await read.respondents(services.zoom, kind, uuid, what)
    except (NotReady, TooOld, WrongKind):
        return  # there is nothing of it, or not yet: what was read before stays
    except TokenRefused:
        raise
    except CredentialError as error:
        services.close(feature, f"{WORDS[what]} ({kind}s): {error.line()}")
    except (RejectedError, ContractError) as error:
        services.note(f"{WORDS[what]} ({kind}s): {error.line()}")
    else:
        await services.database.write(facts.save_respondents, uuid, what, found)
