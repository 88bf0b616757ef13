"""The published JSON schema of ``differential.json``."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def differential_schema() -> dict[str, Any]:
    """Give the JSON schema (draft 2020-12) of ``differential.json``.

    Returns
    -------
    dict
        As in ``napari_wbc/exchange/schemas/differential.schema.json``; ready for the package ``jsonschema`` and others.

    Examples
    --------
    >>> differential_schema()["properties"]["denominator"]["type"]
    'integer'
    """
    file = resources.files("napari_wbc.exchange") / "schemas" / "differential.schema.json"
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema
