"""All that is fuzzed, by what is read."""

from __future__ import annotations

from benchmarks.fuzz import images, models, tables

GROUPS = {"images": images.TARGETS, "texts": tables.TARGETS, "models": models.TARGETS}
TARGETS = tuple(target for group in GROUPS.values() for target in group)
