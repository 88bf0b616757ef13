"""Put the bundled models into the wheel.

An editable install finds them in the checkout; a copy of them would go stale at the next training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ModelBundles(BuildHookInterface):  # type: ignore[type-arg]
    """Map ``models/<name>`` of the checkout to ``napari_wbc/models/<name>`` of the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add every folder that is a bundle; anything else in ``models/`` stays behind."""
        if version == "editable":
            return
        for description in sorted(Path(self.root, "models").glob("*/model.json")):
            bundle = description.parent
            build_data["force_include"][str(bundle)] = f"napari_wbc/models/{bundle.name}"
