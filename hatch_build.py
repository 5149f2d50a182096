"""The package's dependencies are requirements/runtime.in: one list, pinned beside it in runtime.txt."""

from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RuntimeRequirements(MetadataHookInterface):
    def update(self, metadata: dict[str, object]) -> None:
        text = (Path(self.root) / "requirements" / "runtime.in").read_text()
        metadata["dependencies"] = [line for line in text.splitlines() if line.strip()]
