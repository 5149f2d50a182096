"""Tajo connects Zoom to Brevo: every registrant and attendee becomes a contact, once, with the right minutes.

`TajoClient` is the SDK; the errors it raises tell by their class what happens next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "ConfigError",
    "ContractError",
    "CredentialError",
    "RejectedError",
    "TajoClient",
    "TajoError",
    "TransientError",
    "UsageError",
    "__version__",
]

if TYPE_CHECKING:
    from tajo.client import TajoClient
    from tajo.core.errors import (
        ConfigError,
        ContractError,
        CredentialError,
        RejectedError,
        TajoError,
        TransientError,
        UsageError,
    )


def __getattr__(name: str) -> Any:
    # Loaded when asked for: `tajo --help` needs none of it.
    if name == "TajoClient":
        from tajo.client import TajoClient

        return TajoClient
    if name in __all__:
        from tajo.core import errors

        return getattr(errors, name)
    raise AttributeError(f"module 'tajo' has no attribute {name!r}")
