"""All that is fuzzed."""

from __future__ import annotations

from benchmarks.fuzz import images, models, tables

TARGETS = (*images.TARGETS, *tables.TARGETS, *models.TARGETS)
