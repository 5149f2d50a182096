"""One tree of errors: the class says what happens next."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime

import pytest

from tajo.core.errors import (
    ConfigError,
    ContractError,
    CredentialError,
    RejectedError,
    TajoError,
    TransientError,
    UsageError,
)

CODES = {
    TajoError: 1,
    UsageError: 2,
    ConfigError: 3,
    CredentialError: 4,
    TransientError: 5,
    RejectedError: 6,
    ContractError: 6,
}
TRANSIENT = TransientError(
    "Zoom answers 503",
    origin="zoom.report.participants",
    hint="nothing to do",
    retry_at=datetime(2026, 9, 1, 14, 0, tzinfo=UTC),
    ambiguous=True,
)
REJECTED = RejectedError(
    "Brevo refuses the contact", origin="brevo.contacts", status=400, code="duplicate_parameter", identifiers=("SMS",)
)
SIMPLE = [cls("what happened", origin="zoom", hint="do this") for cls in CODES]


@pytest.mark.parametrize(("cls", "code"), CODES.items())
def test_every_class_has_its_exit_code(cls: type[TajoError], code: int) -> None:
    assert cls.exit_code == code
    assert cls("what happened").exit_code == code


def test_every_class_is_named_here() -> None:
    def below(cls: type[TajoError]) -> set[type[TajoError]]:
        return {cls}.union(*(below(each) for each in cls.__subclasses__() if each.__module__ == TajoError.__module__))

    assert below(TajoError) == set(CODES)


@pytest.mark.parametrize("error", [*SIMPLE, TRANSIENT, REJECTED], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling(error: TajoError, protocol: int) -> None:
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is type(error)
    assert (vars(again), again.args, str(again), again.line()) == (vars(error), error.args, str(error), error.line())


def test_an_error_can_be_copied() -> None:
    assert vars(copy.copy(TRANSIENT)) == vars(copy.deepcopy(TRANSIENT)) == vars(TRANSIENT)


def test_a_note_survives_pickling() -> None:
    error = ConfigError("tajo.yml cannot be read")
    error.add_note("while starting")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while starting"]


def test_a_class_of_an_edge_survives_pickling_too() -> None:
    """Both vendors and the configuration derive from these."""
    again = pickle.loads(pickle.dumps(_EdgeError("broken", lines=("a", "b"))))
    assert (type(again), again.lines, again.exit_code) == (_EdgeError, ("a", "b"), 3)


class _EdgeError(ConfigError):
    def __init__(self, message: str, *, lines: tuple[str, ...]) -> None:
        super().__init__(message, origin="tajo.yml")
        self.lines = lines


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TajoError("it broke"), "it broke"),
        (TajoError("it broke", origin="tajo.yml:12"), "tajo.yml:12: it broke"),
        (TajoError("it broke", hint="mend it"), "it broke — mend it"),
        (TajoError("it broke", origin="tajo.yml:12", hint="mend it"), "tajo.yml:12: it broke — mend it"),
    ],
)
def test_an_error_is_one_line_that_says_where_what_and_what_to_do(error: TajoError, line: str) -> None:
    assert error.line() == line


def test_the_message_is_what_str_gives() -> None:
    assert str(TRANSIENT) == TRANSIENT.message == "Zoom answers 503"


def test_what_is_not_said_is_empty() -> None:
    error = TransientError("timeout")
    assert (error.origin, error.hint, error.retry_at, error.ambiguous) == ("", "", None, False)
    refused = RejectedError("no")
    assert (refused.status, refused.code, refused.identifiers) == (0, "", ())
