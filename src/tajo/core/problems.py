"""Errors as records: what stopped a workflow or a sign-in is kept as data, and is an error again for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tajo.core.errors import (
    ConfigError,
    ContractError,
    CredentialError,
    RejectedError,
    TajoError,
    TransientError,
    UsageError,
)


def problem_of(error: TajoError) -> dict[str, Any]:
    retry_at = error.retry_at if isinstance(error, TransientError) else None
    return {
        "kind": type(error).__name__,
        "exit": error.exit_code,
        "message": error.message,
        "origin": error.origin,
        "hint": error.hint,
        "retry_at": retry_at.isoformat() if retry_at else None,
    }


_KINDS: tuple[type[TajoError], ...] = (
    UsageError,
    ConfigError,
    CredentialError,
    TransientError,
    RejectedError,
    ContractError,
)


def error_of(problem: Mapping[str, Any]) -> TajoError:
    """The error that a recorded problem was: of the class with its exit code."""
    kind = next((each for each in _KINDS if each.exit_code == problem["exit"]), TajoError)
    error = kind(problem["message"], origin=problem["origin"], hint=problem["hint"])
    if isinstance(error, TransientError) and problem.get("retry_at"):
        error.retry_at = datetime.fromisoformat(problem["retry_at"])
    return error
