"""Tajo connects Zoom to Brevo: every registrant and attendee becomes a contact, once, with the right minutes.

`TajoClient` is the SDK; the errors it raises tell by their class what happens next. For servers of one's own,
`verify_zoom_webhook` tells whether a webhook is Zoom's, and `asgi_app` is the whole service to mount.
"""

from __future__ import annotations

from importlib import import_module
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
    "asgi_app",
    "verify_zoom_webhook",
]

if TYPE_CHECKING:
    from tajo.client import TajoClient
    from tajo.connectors.zoom.webhook import is_genuine as verify_zoom_webhook
    from tajo.core.errors import (
        ConfigError,
        ContractError,
        CredentialError,
        RejectedError,
        TajoError,
        TransientError,
        UsageError,
    )
    from tajo.service import asgi_app


_PLACES = {
    "TajoClient": ("tajo.client", "TajoClient"),
    "asgi_app": ("tajo.service", "asgi_app"),
    "verify_zoom_webhook": ("tajo.connectors.zoom.webhook", "is_genuine"),
}


def __getattr__(name: str) -> Any:
    # Loaded when asked for: `tajo --help` needs none of it.
    if name not in __all__:
        raise AttributeError(f"module 'tajo' has no attribute {name!r}")
    module, there = _PLACES.get(name, ("tajo.core.errors", name))
    return getattr(import_module(module), there)
