"""The installed models: each against its checksum, its network run once."""

from __future__ import annotations

from collections.abc import Iterator

from napari_wbc.errors import WbcError
from napari_wbc.installation.check import Check


def check_models() -> Iterator[Check]:
    """Check every installed model; a broken one of the user's own is a failure as well.

    Yields
    ------
    Check
        One for each model; a single one that failed where there is none.
    """
    from napari_wbc.classification.bundle import list_models, verify_bundle

    found = list_models()
    if not any(model.bundled for model in found):
        yield Check(
            "models",
            "failed",
            "the model robust is not there; mend: pip install --force-reinstall napari-wbc",
        )
    for entry in found:
        details = {"folder": str(entry.folder), "bundled": entry.bundled}
        try:
            model = verify_bundle(entry.folder)
        except WbcError as error:
            yield Check(f"model {entry.name}", "failed", str(error), details)
            continue
        origin = "bundled" if entry.bundled else "own"
        text = f"intact, {origin}, {len(model.classes)} classes, sha256 {model.sha256[:12]}..."
        yield Check(f"model {entry.name}", "ok", text, details | {"sha256": model.sha256})
