"""What is not confirmed about Brevo's API, or changed over time, as switches: both readings can be tried.

The defaults are the documented reading where there is one, else the one seen more often. The switches are read at each
call, so a test may replace them in the middle: `simulator.switches = replace(simulator.switches, types="strict")`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Tier = Literal["general", "advanced", "extended"]


@dataclass(frozen=True, slots=True)
class BrevoSwitches:
    """One choice per open question. Values named "…_s" are seconds by the simulator's clock."""

    # The account
    language: Literal["en", "de", "fr"] = "en"  # FIRSTNAME/LASTNAME, VORNAME/NACHNAME or PRENOM/NOM in a fresh account
    utc_offset_minutes: int | None = 60  # zone of the dates sent out; None sends "…Z"
    consent_groups: bool = False  # the feature is opt-in; off answers 403 CONSENT_GROUP_NOT_ENABLED
    under_validation_status: Literal[402, 400] = 402
    read_lag_s: float = 0.0  # GETs of contacts show the state of that long ago
    plus_in_path: Literal["literal", "space"] = "literal"  # what an unescaped "+" in a path means

    # Contacts
    types: Literal["lenient", "strict"] = "lenient"  # wrong-typed values are ignored, or 400 "invalid date format"
    code_drift: Literal["duplicate_parameter", "invalid_parameter"] = (
        "duplicate_parameter"  # code of identifier clashes
    )
    batch: Literal["on", "404", "410", "405"] = "on"  # POST /contacts/batch, deprecated since 2026-10-30
    lowercase_attributes: Literal["dropped", "folded"] = "dropped"
    attribute_names: Literal["upper", "kept"] = "upper"  # what creating an attribute "dob" makes of the name
    null_value: Literal["ignored", "clears"] = "ignored"
    category_labels: bool = False  # a category may be written by its label, not only by its value
    unknown_option: Literal["ignored", "error"] = "ignored"  # of a multiple-choice attribute
    ext_id_shown: Literal["attribute", "field", "both"] = "attribute"
    list_reply: Literal["wrapped", "unwrapped"] = "wrapped"  # {"contacts": {"success": …}} or {"success": …}
    doi_known: Literal[204, 201] = 204  # double opt-in for a contact that is in all the lists already; 201 sends a mail

    # Imports
    import_queued_s: float = 1.0
    import_working_s: float = 1.0
    working_status: Literal["in_process", "processing"] = "in_process"
    import_json_booleans: bool = False  # whether true/false in a jsonBody is applied
    import_dates: tuple[Literal["y-m-d", "d-m-y", "d/m/y"], ...] = ("y-m-d", "d-m-y")
    import_winner: Literal["first", "last"] = "first"  # which of two rows with the same e-mail counts
    import_clash: Literal["row", "field"] = (
        "row"  # a phone or ext_id of another contact drops the row, or only the field
    )
    import_false_unblocks: bool = False  # an explicit emailBlacklist:false lifts the blocklist
    report_lifetime_s: float | None = None  # how long the CSV links work after completion

    # Events and mails
    event_unknown_contact: Literal["creates", "dropped", "rejected"] = "creates"
    event_lag_s: float = 0.0  # until GET /events shows an event
    replay_code: Literal["duplicate_parameter", "duplicate_request"] = "duplicate_parameter"
    replay_status: int = 400  # answer to a repeated idempotency key

    # Rate limits
    rate_limits: Literal["on", "off"] = "on"
    rate_headers: Literal["on", "off"] = "on"
    rate_window: Literal["second", "hour"] = "hour"  # which window the headers describe
    rate_window_of_429: Literal["exceeded", "same"] = "exceeded"  # on a 429: the window that is full, or as above
    body_of_429: Literal["json", "text"] = "json"
    bare_contacts: Literal["contacts", "other"] = "contacts"  # bucket of GET and POST /contacts
    contacts_import: Literal["contacts", "other"] = "contacts"  # bucket of POST /contacts/import
    events_batch: Literal["events", "other"] = "other"  # bucket of POST /events/batch
    events_get: Literal["events", "other"] = "other"  # bucket of GET /events
    processes: Literal["contacts", "other"] = "other"  # bucket of GET /processes…

    @classmethod
    def tightest(cls, **others: Any) -> BrevoSwitches:
        """Every doubtful route in the bucket of 100 calls an hour."""
        return cls(**{"bare_contacts": "other", "contacts_import": "other", **others})

    @classmethod
    def loosest(cls, **others: Any) -> BrevoSwitches:
        """Every doubtful route in the faster of its two buckets."""
        return cls(**{"events_batch": "events", "events_get": "events", "processes": "contacts", **others})
