"""Zoom's part of the configuration."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from tajo.config.mapping import Mapped
from tajo.config.schedule import Schedule
from tajo.config.values import (
    Credential,
    Domain,
    Duration,
    Expanded,
    Kind,
    Part,
    PositiveDuration,
    PositiveShare,
    Share,
    Text,
    WebAddress,
    one_line,
    refuse,
)

LogLevel = Literal["verbose", "info", "warning", "error"]


def _list_reference(value: Any) -> int | str:
    """A list's id, or its name. A quoted number is a name; a number out of `${NAME}` cannot be told apart: an id."""
    if isinstance(value, Expanded) and value.strip().isascii() and value.strip().isdigit() and len(value) < 19:
        value = int(value)
    if isinstance(value, str):
        return one_line(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise refuse("must be a list's number, or its name as text")
    if not 1 <= value < 2**63:
        raise refuse("must be a list's number, 1 or more")
    return value


ListReference = Annotated[int | str, BeforeValidator(_list_reference), Kind("list id or name")]


class SyncConfig(Part):
    """Which families of data are read; what is off is neither called nor written."""

    participants: bool = Field(default=True, description="People of meetings.")
    webinars: bool = Field(default=True, description="Registrants, attendees and absentees of webinars.")
    recordings: bool = Field(default=True, description="Cloud recordings and their links.")


class WebhookConfig(Part):
    """How to know that a webhook came from Zoom."""

    secret_token: Credential | None = Field(
        default=None, description="The app's Secret Token, which signs every webhook. `tajo serve` needs it."
    )
    previous_secret_token: Credential | None = Field(
        default=None, description="The Secret Token before the current one, while Zoom may still sign with it."
    )
    verification_token: Credential | None = Field(
        default=None, description="Legacy and unused: Zoom replaced it by the secret token. Never needed."
    )


class ListsConfig(Part):
    """Brevo lists: a number is an existing list's id, text is a name and is created."""

    meeting_participants: ListReference | None = Field(default=None, description="Everybody who came to a meeting.")
    webinar_attendees: ListReference | None = Field(default=None, description="Everybody who came to a webinar.")
    webinar_registrants: ListReference | None = Field(
        default=None, description="Everybody with an approved registration for a webinar, past or coming."
    )
    webinar_no_shows: ListReference | None = Field(
        default=None, description="Everybody who registered for a webinar and did not come."
    )
    meeting_registrants: ListReference | None = Field(
        default=None, description="Everybody with an approved registration for a meeting."
    )


class ExcludeConfig(Part):
    """Who is on the roster but never written to Brevo."""

    hosts: bool = Field(default=True, description="Leave out hosts and alternative hosts.")
    panelists: bool = Field(default=True, description="Leave out panelists.")
    domains: tuple[Domain, ...] = Field(
        default=(), description="Leave out these e-mail domains, such as your own company's."
    )


class SettleConfig(Part):
    """When an ended session counts as complete."""

    after: Duration = Field(default=timedelta(minutes=1), description="Wait this long after the end.")
    every: PositiveDuration = Field(
        default=timedelta(minutes=5), description="Read again at this interval until two reads agree."
    )
    deadline: PositiveDuration = Field(
        default=timedelta(hours=2), description="Give up waiting; whoever was not seen is then unknown."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.deadline < self.after:
            raise refuse("must have a deadline that is not before after")
        return self


class ZoomConfig(Part):
    """The connector to one Zoom account."""

    enabled: bool = Field(
        default=True, description="Off: `tajo sync` ends with exit code 3, the webhook route answers 503."
    )
    account_id: Text | None = Field(
        default=None, description="The Server-to-Server OAuth app's Account ID; none with a user's sign-in."
    )
    client_id: Text | None = Field(default=None, description="The app's Client ID.")
    client_secret: Credential | None = Field(default=None, description="The app's Client Secret.")
    sync: SyncConfig = Field(default=SyncConfig(), description="What is read from Zoom.")
    webhook: WebhookConfig = Field(default=WebhookConfig(), description="How webhooks are checked.")
    lists: ListsConfig = Field(default=ListsConfig(), description="Which Brevo lists people go on.")
    field_mapping: Mapped | None = Field(
        default=None, description="As field_mapping at the top, which it replaces; only one of the two may be written."
    )
    debug: bool = Field(default=False, description="Log everything, as with log_level: verbose.")
    log_level: LogLevel = Field(
        default="info",
        description="How much `tajo serve` and `tajo worker` log on stderr; `tajo sync` logs only when verbose.",
    )
    log_webhooks: bool = Field(
        default=False,
        description="Log every received webhook at any level: its body, with `***` for what could tell of people.",
    )
    plan: Literal["free", "pro", "business"] = Field(
        default="pro",
        description="The account's plan, which sets Zoom's rate limits; business and everything above it.",
    )
    rate_share: PositiveShare = Field(
        default=0.95, description="How much of the plan's rate limits to use; other apps share the same limits."
    )
    exclude: ExcludeConfig = Field(default=ExcludeConfig(), description="Who is not written to Brevo.")
    sync_mode: Literal["realtime", "batch", "hybrid"] = Field(
        default="hybrid", description="realtime: by webhooks; batch: by schedule; hybrid: both, one checking the other."
    )
    schedule: Schedule = Field(
        default="17 * * * *", description="When batches and sweeps run, in UTC; the service also sweeps once at start."
    )
    sweep_window: PositiveDuration = Field(default=timedelta(days=7), description="How far back a sweep looks.")
    settle: SettleConfig = Field(default=SettleConfig(), description="When a session counts as complete.")
    restart_gap: Duration = Field(
        default=timedelta(minutes=60), description="A session started again within this time is the same session."
    )
    unknown_above: Share = Field(
        default=0.1,
        description="When more than this share of the absentees could hide among unidentified people, "
        "their outcome is unknown instead of no_show.",
    )
    api_url: WebAddress = Field(default="https://api.zoom.us/v2", description="Where Zoom's API is.")
    oauth_url: WebAddress = Field(default="https://zoom.us/oauth", description="Where Zoom's token endpoint is.")

    @property
    def effective_log_level(self) -> LogLevel:
        """What is logged: `debug` means verbose, whatever `log_level` says."""
        return "verbose" if self.debug else self.log_level
