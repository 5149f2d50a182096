"""What workflows work with; `app` builds it, the engine holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tajo.brevo.api.client import BrevoClient
from tajo.brevo.schema import Schema
from tajo.config.model import Config
from tajo.connectors.zoom.api.auth import Tokens
from tajo.connectors.zoom.api.client import ZoomClient
from tajo.connectors.zoom.config import ZoomConfig
from tajo.core.engagement import Weights
from tajo.core.fields import Field, Terms, catalogue, question
from tajo.core.outcome import Outcome, Settle
from tajo.core.roster import Rules
from tajo.store import notes
from tajo.store.database import Database
from tajo.store.keys import Vault
from tajo.workflows.progress import Progress

CONNECTED = "connector.zoom.connected_at"  # the note that keeps when the connector was first connected
CLOSED_FOR = timedelta(hours=1)  # ours: scopes come by hand
SILENCE = timedelta(seconds=60)  # ours: so long without one answer, and the vendor is unavailable


def utc_now() -> datetime:
    return datetime.now(UTC)


def terms_of(config: Config) -> Terms:
    """What a configuration decides about the values of fields."""
    settings = config.engagement
    weights = Weights(
        **settings.weights.model_dump(),
        enough_polls=settings.enough.polls,
        enough_questions=settings.enough.questions,
        enough_sessions=settings.enough.sessions,
    )
    return Terms(weights, frozenset(Outcome(each) for each in config.events.recording_ready))


@dataclass
class Services:
    """One configuration's edges and rules. `answered` is when each vendor last answered anything."""

    config: Config
    database: Database
    zoom: ZoomClient
    tokens: Tokens
    brevo: BrevoClient
    progress: Progress
    clock: Callable[[], datetime] = utc_now
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    answered: dict[str, datetime] = field(default_factory=dict)
    schema: Schema | None = None  # what the Brevo account declares, once it has been read
    given_up_on_zoom: bool = False  # a call was tried for a minute in vain, while nothing else was answered
    zones: dict[str, str] = field(default_factory=dict)  # host → time zone, as far as it was asked for
    vault: Vault | None = None  # where the encryption key is
    own_zoom: ZoomClient | None = None  # the app's own access, where `zoom` has a user's
    own_tokens: Tokens | None = None
    noted: dict[str, None] = field(default_factory=dict)  # what the operator should know of this run, once each
    closed: dict[str, tuple[datetime, str]] = field(default_factory=dict)  # what the app may not read: until, and why
    unwatched: set[int] = field(default_factory=set)  # imports of work that broke off in this process
    holder: str = "sync"  # the role that this process holds: effects are claimed in its name
    started_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.started_at = self.clock()

    def note(self, sentence: str) -> None:
        """Remember something that was worked around, for the run's summary."""
        self.noted[sentence] = None

    def close(self, feature: str, sentence: str) -> None:
        """Ask no more for what the app may not read, for a while: refused calls count against it."""
        self.closed[feature] = (self.clock() + CLOSED_FOR, sentence)
        self.note(sentence)

    def is_closed(self, feature: str) -> bool:
        """Whether the feature was refused a short while ago; then the run's summary says so again."""
        until, sentence = self.closed.get(feature, (None, ""))
        if until is None or self.clock() >= until:
            return False
        self.note(sentence)
        return True

    async def connected_at(self) -> datetime | None:
        """When the connector was first connected: what was before is never announced, and was never missed."""
        at = await self.database.read(notes.get, CONNECTED)
        return datetime.fromisoformat(at) if at else None

    def noted_so_far(self) -> list[str]:
        """What was remembered, for one run's summary; the next run begins with nothing."""
        noted = list(self.noted)
        self.noted.clear()
        return noted

    @property
    def connector(self) -> ZoomConfig:
        return self.config.connectors.zoom

    @property
    def mapping(self) -> list[tuple[Field, str]]:
        """The field mapping as (field, Brevo attribute), the e-mail left out: it is the identity itself."""
        written = self.config.mapping_for("zoom")
        known = catalogue(self.terms)
        fields = [(known[name], attribute) for name, attribute in written.fields.items() if name != "email"]
        return fields + [(question(title), attribute) for title, attribute in written.questions.items()]

    @property
    def terms(self) -> Terms:
        return terms_of(self.config)

    @property
    def rules(self) -> Rules:
        exclude = self.connector.exclude
        return Rules(
            exclude_hosts=exclude.hosts,
            exclude_panelists=exclude.panelists,
            exclude_domains=frozenset(exclude.domains),
            unknown_above=self.connector.unknown_above,
        )

    @property
    def settle(self) -> Settle:
        settle = self.connector.settle
        return Settle(settle.after, settle.every, settle.deadline)

    def is_silent(self, vendor: str) -> bool:
        """Whether the vendor has not answered anything for a while: then nothing else is worth trying."""
        heard = self.answered.get(vendor)
        return heard is None or self.clock() - heard >= SILENCE
