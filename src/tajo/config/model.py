"""The typed model of `tajo.yml`: every setting with its default and meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, Field, PrivateAttr

from tajo.brevo.config import BrevoConfig
from tajo.config.consent import ConsentConfig
from tajo.config.engagement import EngagementConfig
from tajo.config.followups import FollowUps
from tajo.config.mapping import FieldMapping, Mapped
from tajo.config.problems import InvalidConfigError
from tajo.config.source import Missing, Source
from tajo.config.values import (
    Credential,
    Database,
    DatabaseUrl,
    Duration,
    Email,
    Number,
    Part,
    Secret,
    Text,
    WebAddress,
)
from tajo.connectors.zoom.config import ZoomConfig
from tajo.core.errors import ConfigError

SHORTEST_KEY = 16  # signs of the HTTP API's key; ours: what is shorter can be guessed

# The variable that the templates and the documentation use for a setting.
USUAL_VARIABLES: Mapping[str, str] = {
    "connectors.zoom.account_id": "ZOOM_ACCOUNT_ID",
    "connectors.zoom.client_id": "ZOOM_CLIENT_ID",
    "connectors.zoom.client_secret": "ZOOM_CLIENT_SECRET",
    "connectors.zoom.webhook.secret_token": "ZOOM_WEBHOOK_SECRET",
    "connectors.zoom.webhook.verification_token": "ZOOM_VERIFICATION_TOKEN",
    "brevo.api_key": "BREVO_API_KEY",
    "server.api_key": "TAJO_API_KEY",
}


class ConnectorsConfig(Part):
    """One group for each connector."""

    zoom: ZoomConfig = Field(default=ZoomConfig(), description="Zoom: registrants and attendees.")


class EventsConfig(Part):
    """The Brevo events that automations start from."""

    max_age: Duration = Field(
        default=timedelta(hours=72),
        description="Events and mails go out only for sessions that ended at most this ago.",
    )
    operator: Email | None = Field(
        default=None,
        description="Contact that also gets started, ended and recording_ready, so that a meeting nobody registered "
        "for can start an automation.",
    )
    recording_ready: tuple[Literal["attended", "no_show", "unknown"], ...] = Field(
        default=("attended", "no_show", "unknown"),
        description="With which outcomes people get the event zoom_recording_ready.",
    )


class ServerConfig(Part):
    """What `tajo serve` listens on."""

    host: Text = Field(default="127.0.0.1", description="The address to listen on; 0.0.0.0 for every one.")
    port: Number = Field(default=8000, ge=0, le=65535, description="The port to listen on; 0 takes a free one.")
    public_url: WebAddress | None = Field(
        default=None, description="The address under which Zoom and people reach the service."
    )
    api_key: Credential | None = Field(
        default=None,
        description="The bearer of the HTTP API, 16 signs or more; off without one. Without this line it is "
        "TAJO_API_KEY from the environment.",
    )


class RetentionConfig(Part):
    """How long data is kept."""

    raw_payloads: Duration = Field(default=timedelta(days=30), description="How long bodies of webhooks are kept.")


class Config(Part):
    """A whole configuration, checked and frozen."""

    connectors: ConnectorsConfig = Field(default=ConnectorsConfig(), description="What is connected to Brevo.")
    field_mapping: Mapped | None = Field(
        default=None,
        description="Which field goes into which Brevo attribute; question: holds titles of registration questions.",
    )
    brevo: BrevoConfig = Field(default=BrevoConfig(), description="The Brevo account that is written to.")
    follow_ups: FollowUps = Field(default=(), description="Mails that go out after a session: see docs/follow-ups.md.")
    consent: ConsentConfig | None = Field(
        default=None, description="Who agreed to marketing mail; without it everybody goes on the lists."
    )
    events: EventsConfig = Field(default=EventsConfig(), description="Events for Brevo's automations.")
    engagement: EngagementConfig = Field(default=EngagementConfig(), description="How the score is made.")
    database_url: Database = Field(
        default=DatabaseUrl("sqlite:///tajo.db"),
        description="Where everything is kept: a SQLite file (received webhooks in a second file beside it), "
        "or postgresql://…",
    )
    server: ServerConfig = Field(default=ServerConfig(), description="What tajo serve listens on.")
    retention: RetentionConfig = Field(default=RetentionConfig(), description="How long data is kept.")

    _source: Source = PrivateAttr(default_factory=Source)

    @classmethod
    def of(cls, settings: object, source: Source, *, context: Mapping[str, object]) -> Config:
        """The checked configuration that remembers its source. Raises pydantic's ValidationError."""
        config = cls.model_validate(settings, context=dict(context))
        config._source = source
        return config

    @property
    def file(self) -> str:
        """The file's name as it was given; "config" for a mapping out of a program."""
        return self._source.name

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment as it was read, with what `.env` adds; secrets among it."""
        return self._source.variables

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works but should not stay, one line each."""
        return self._source.warnings

    @property
    def missing(self) -> tuple[Missing, ...]:
        """The settings that name a variable which is not set."""
        return self._source.missing

    def mapping_for(self, connector: str) -> FieldMapping:
        """The field mapping of a connector: its own, the one at the top, or the default."""
        part = getattr(self.connectors, connector)
        own: FieldMapping | None = part.field_mapping
        return own or self.field_mapping or FieldMapping()

    def is_written(self, key: str) -> bool:
        """Whether the key ("connectors.zoom") stands in the configuration, with a value or without."""
        return tuple(key.split(".")) in self._source.lines

    def origin(self, key: str) -> str:
        """Where the key stands ("connectors.zoom.plan", "follow_ups.0.send"), for errors about it: "tajo.yml:7"."""
        return self._source.origin(tuple(int(step) if step.isdigit() else step for step in key.split(".")))

    def value(self, key: str) -> object:
        """The value of a key such as "connectors.zoom.plan". KeyError if there is no such setting."""
        value: object = self
        for step in key.split("."):
            if not isinstance(value, BaseModel) or step not in type(value).model_fields:
                raise KeyError(key)
            value = getattr(value, step)
        return value

    def check_api_key(self) -> None:
        """ConfigError for a key of the HTTP API that is too short to be one: with it every request is refused."""
        key = self.server.api_key
        if key is not None and len(key.get_secret_value()) < SHORTEST_KEY:
            raise ConfigError(
                f"server.api_key (TAJO_API_KEY) has fewer than {SHORTEST_KEY} signs",
                origin=self.origin("server.api_key"),
                hint="make one with `openssl rand -hex 32`, or leave it out: then the HTTP API is off",
            )

    def require(self, key: str) -> str:
        """The text of a setting that a command cannot do without; secrets are revealed.

        Raises ConfigError that names the variable to set, or the line to write.
        """
        value = self.value(key)
        if value is not None:
            return value.get_secret_value() if isinstance(value, Secret) else str(value)
        raise self._lacks(key)

    def require_all(self, keys: Iterable[str], *, hints: Mapping[str, str] | None = None) -> None:
        """ConfigError that names all of these settings that are not there; `hints` are other ways, by key."""
        lacking = [self._lacks(key, (hints or {}).get(key, "")) for key in keys if self.value(key) is None]
        if lacking:
            raise lacking[0] if len(lacking) == 1 else InvalidConfigError(lacking)

    def _lacks(self, key: str, otherwise: str = "") -> ConfigError:
        variable = next((missing.name for missing in self.missing if missing.key == key), "")
        if variable:
            text, hint = f"needs {variable}, which is not set", "export it or put it in .env"
        else:
            usual = USUAL_VARIABLES.get(key)
            line = f'{key.rpartition(".")[2]}: "${{{usual}}}"' if usual else key.rpartition(".")[2]
            text, hint = "is not set", f"write {line} under {key.rpartition('.')[0] or 'the top'}"
        hint += f", {otherwise}" if otherwise else ""
        return ConfigError(f"{key} {text}", origin=self.origin(key), hint=hint)
