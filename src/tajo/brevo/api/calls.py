"""A call that can read more than success: some of Brevo's refusals are the answer to the question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tajo.http import Call

T = TypeVar("T")


def _never(_status: int, _body: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class TolerantCall(Call[T], Generic[T]):
    """A call whose parser also takes the refusals that `understands(status, body)` picks, by their exact shape."""

    understands: Callable[[int, Any], bool] = _never
