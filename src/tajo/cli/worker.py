"""`tajo worker`"""

from __future__ import annotations

from tajo.cli.serve import worker_command as command

__all__ = ["command"]
