"""The published limits, and what Brevo's headers say."""

from __future__ import annotations

from tajo.brevo.api import limits
from tajo.brevo.api.limits import LIMITS, Limit, RateHint, hint, reset_s


def test_every_tier_has_every_bucket_and_a_higher_tier_is_never_slower() -> None:
    labels = {limits.CONTACTS, limits.EVENTS, limits.MAIL, limits.MAIL_LOG, limits.SMTP, limits.OTHER}
    for lower, higher in (("general", "advanced"), ("advanced", "extended")):
        assert set(LIMITS[lower]) == set(LIMITS[higher]) == labels  # type: ignore[index]
        assert all(LIMITS[lower][each].per_hour <= LIMITS[higher][each].per_hour for each in labels)  # type: ignore[index]


def test_the_figures_of_the_general_tier() -> None:
    assert LIMITS["general"]["contacts"] == Limit(10.0, 36_000)
    assert LIMITS["general"]["other"] == Limit(None, 100)
    assert LIMITS["extended"]["events"] == Limit(60.0, 216_000)


def test_an_answer_tells_which_bucket_a_doubtful_path_belongs_to() -> None:
    """36,000 an hour or 10 a second is the contacts' bucket, 100 an hour the one for everything else."""
    told = [limits.told_by(limits.BARE_CONTACTS, RateHint(seen, 1, 1.0), "general") for seen in (36_000, 10, 100, 55)]
    assert told == [limits.CONTACTS, limits.CONTACTS, limits.OTHER, None]


def test_a_hint_needs_all_three_headers() -> None:
    headers = {"x-sib-ratelimit-limit": "36000", "x-sib-ratelimit-remaining": "35999", "x-sib-ratelimit-reset": "12"}
    assert hint(headers) == RateHint(36_000, 35_999, 12.0)
    for name in headers:
        assert hint({key: value for key, value in headers.items() if key != name}) is None
        assert hint({**headers, name: "soon"}) is None


def test_reset_is_seconds_and_never_longer_than_the_longest_window() -> None:
    assert reset_s({"x-sib-ratelimit-reset": "1.5"}) == 1.5
    assert reset_s({"x-sib-ratelimit-reset": "1795478400"}) == 3600.0
    for value in ("", "nan", "-3", "inf"):
        assert reset_s({"x-sib-ratelimit-reset": value}) is None
