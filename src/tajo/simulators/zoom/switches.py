"""What Zoom leaves open or changes now and then, as switches: a client has to live with every position."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Plan = Literal["free", "pro", "business"]


@dataclass(frozen=True, slots=True)
class ZoomSwitches:
    """Defaults are what is documented or most often reported; the other positions were seen or cannot be excluded."""

    # --- tokens and scopes ---
    token_mode: Literal["multi", "single", "max_n"] = "multi"  # whether a new S2S token ends older ones
    max_tokens: int = 2  # for "max_n": the oldest beyond that end
    token_lifetime_s: int = 3600
    invalid_client_status: int = 400  # or 401
    token_expired_status: int = 401  # or 400
    app_kind: Literal["granular", "classic"] = "granular"
    oauth_app: Literal["admin", "user"] = "admin"  # of the code grant: "user" has no :admin scopes and must use "me"

    # --- limits ---
    rate_limits: bool = True
    window: Literal["fixed", "sliding"] = "fixed"  # of the per-second and per-minute limits
    rate_headers: bool = True
    retry_after: Literal["iso", "seconds", "http_date", "none"] = "iso"  # on the daily limit; never on the others
    daily_heavy_limit: int | None = None  # instead of the plan's shared Heavy and Resource-intensive budget

    # --- lists ---
    page_size: Literal["clamp", "error"] = "clamp"  # what a too large page_size does
    users_page_max: int = 300  # the specification says 2000
    page_token_lifetime_s: int = 900
    omit_counts_on_later_pages: bool = False
    page_drift: bool = False  # rows move between pages: each later page repeats the last row before it

    # --- registrants ---
    registrants_without_registration: Literal["empty", "error"] = "empty"

    # --- rows of participants ---
    include_fields_on_past: bool = False  # whether past_*/participants know include_fields=registrant_id
    id_is_registrant_id_for_guests: bool = False  # older behaviour
    practice_session_rows: bool = True
    single_participant: Literal["empty", "error", "rows"] = "empty"  # sessions with fewer than two participants
    webinar_time_fractions: bool = False  # join_time of past_webinars as ...:03.00Z
    history_lists_one_person: bool = True  # sessions in report/history_meetings with one participant
    webinar_report_months: int = 6  # how long report/webinars/.../participants reaches back; 12 is possible

    # --- when data is ready, counted from the end of an instance ---
    report_delay: timedelta = timedelta(0)  # until then 404/3001
    report_settling: timedelta = timedelta(0)  # after that: the first half of the rows, durations 0

    # --- who may what ---
    webinar_plan: Literal["per_host", "everybody", "nobody"] = "per_host"

    # --- answers in general ---
    localised_messages: bool = False  # in Spanish, as of a Chilean account
    unknown_extra_fields: bool = False
