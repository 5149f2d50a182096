"""One tree of errors: the class says what happens next, `origin` says where it came from.

Messages and hints are shown to operators and written to logs: they carry ids and codes, never a body, an e-mail
address or a secret.
"""

from __future__ import annotations

from datetime import datetime


class TajoError(Exception):
    """Something an operator can act on: what happened, where, and what to do.

    `origin` is a dotted place such as "zoom.report.participants" or "tajo.yml:12"; `hint` is the remedy, "" if none.
    """

    exit_code = 1

    def __init__(self, message: str, *, origin: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.origin = origin
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process and engine borders; keyword arguments would be lost by the default.
        return (_rebuild, (type(self), self.args, self.__dict__))

    def line(self) -> str:
        """The error as one line: where, what, and what to do."""
        where = f"{self.origin}: " if self.origin else ""
        remedy = f" — {self.hint}" if self.hint else ""
        return f"{where}{self.message}{remedy}"


def _rebuild(cls: type[TajoError], args: tuple[object, ...], state: dict[str, object]) -> TajoError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(TajoError):
    """The command was called with something that cannot be meant (dates the wrong way round)."""

    exit_code = 2


class ConfigError(TajoError):
    """An operator edits the configuration; nothing was started, nothing written."""

    exit_code = 3


class CredentialError(TajoError):
    """Access is refused: this connector pauses until access is fixed, and loses nothing."""

    exit_code = 4


class TransientError(TajoError):
    """Try again, no sooner than `retry_at` (aware UTC, None: soon).

    `ambiguous` is true when the other side may have done what was asked although no answer came.
    """

    exit_code = 5

    def __init__(
        self,
        message: str,
        *,
        origin: str = "",
        hint: str = "",
        retry_at: datetime | None = None,
        ambiguous: bool = False,
    ) -> None:
        super().__init__(message, origin=origin, hint=hint)
        self.retry_at = retry_at
        self.ambiguous = ambiguous


class RejectedError(TajoError):
    """This one record or object is refused for good: dead letter, carry on.

    `code` is the vendor's own code ("3001", "duplicate_parameter"); `identifiers` are the fields a clash is about.
    """

    exit_code = 6

    def __init__(
        self,
        message: str,
        *,
        origin: str = "",
        hint: str = "",
        status: int = 0,
        code: str = "",
        identifiers: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, origin=origin, hint=hint)
        self.status = status
        self.code = code
        self.identifiers = identifiers


class ContractError(TajoError):
    """The vendor broke its documented shape: dead letter and alarm."""

    exit_code = 6
