"""The table of scopes and what a token lacks."""

from __future__ import annotations

import re

from tajo.connectors.zoom.api.scopes import SCOPES, is_granted, missing

ALL_CLASSIC = {
    "user:read:admin",
    "meeting:read:admin",
    "webinar:read:admin",
    "report:read:admin",
    "recording:read:admin",
}


def test_classic_scopes_are_enough_for_everything() -> None:
    features = {feature for needed in SCOPES.values() for feature in needed.features}
    assert missing(ALL_CLASSIC, features) == {}


def test_granular_scopes_are_enough_for_everything() -> None:
    features = {feature for needed in SCOPES.values() for feature in needed.features}
    assert missing({needed.granular for needed in SCOPES.values()}, features) == {}


def test_what_is_missing_is_named_by_call_and_feature() -> None:
    """An app that may read everything but recordings lacks one scope, and only where recordings are wanted."""
    granted = ALL_CLASSIC - {"recording:read:admin"}
    assert set(missing(granted, ["recordings"])) == {"zoom.recordings.of_session"}
    assert missing(granted, ["participants", "webinars"]) == {}


def test_the_form_for_one_user_is_accepted() -> None:
    needed = SCOPES["zoom.meetings.details"]
    assert is_granted(["meeting:read:meeting"], needed)
    assert is_granted(["meeting:read"], needed)
    assert not is_granted(["meeting:read:list_meetings:admin"], needed)


def test_every_scope_has_the_admin_form() -> None:
    for needed in SCOPES.values():
        assert re.fullmatch(r"[a-z_]+:read:admin", needed.classic)
        assert re.fullmatch(r"[a-z_]+:read:[a-z_]+:admin", needed.granular)
        assert needed.features
