"""Every reader of ours gets altered files: each is read rightly or refused in one line.

The inputs are the same in every run (``derandomize``); thousands more are those of ``python -m benchmarks.fuzz``.
"""

from __future__ import annotations

import pytest
from benchmarks.fuzz.outcome import FAILURES, READ, outcome
from benchmarks.fuzz.target import altered
from benchmarks.fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_wbc.differential.profile_file import parse_profile, profile_text
from napari_wbc.errors import InputError, printable
from napari_wbc.sample_sheet import read_sheet
from napari_wbc.slides.metadata import OmePixels, um_from_aperio

#: A review is counted and written each time, a bundle sees a cell.
SLOW = {
    "review.json",
    "changes.jsonl, checksums right",
    "changes.jsonl",
    "count.npz of a review, checksum right",
}
SLOW |= {"run.json", "model.json of a bundle", "model.safetensors", "replay.safetensors", "lab adapter"}
#: C libraries that read these may end the process over what they cannot read: only in the campaign, in one of its own.
APART = {"DICOM", "SVS", "SVS through openslide"}


def _settings(examples: int) -> settings:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(
        derandomize=True, database=None, deadline=None, max_examples=examples, suppress_health_check=checks
    )


@pytest.mark.parametrize("target", [t for t in TARGETS if t.name not in APART], ids=lambda t: t.name)
def test_altered_files(target, tmp_path):
    seeds = target.seeds(tmp_path)

    @_settings(2 if target.name in SLOW else 12)
    @given(st.integers(0, 2**32))
    def each(number: int) -> None:
        content = altered(target, seeds, number, seed=0)
        # Time is left to whoever runs the tests: a machine may be as slow as it likes.
        kind, where = outcome(target, content, tmp_path, limit_s=0)
        assert kind not in FAILURES, (where, content[:2000])

    for content in seeds:
        assert outcome(target, content, tmp_path, limit_s=0) == (READ, "")
    each()


@_settings(30)
@given(st.text(max_size=300))
def test_any_text_as_a_profile(text):
    try:
        profile = parse_profile(text)
    except InputError as refused:
        problem = str(refused)
    else:
        problem = ""
        assert parse_profile(profile_text(profile)) == profile
    assert problem.isprintable()


@_settings(30)
@given(st.text(max_size=300))
def test_any_text_as_a_description_of_an_image(text):
    for um in (OmePixels(text).um_per_px, um_from_aperio(text), um_from_aperio(f"MPP = {text}")):
        assert um is None or um > 0


@_settings(30)
@given(st.lists(st.lists(st.text(max_size=12), max_size=6), max_size=6))
def test_any_fields_as_a_sample_sheet(tmp_path, rows):
    sheet = tmp_path / "slides.csv"
    text = "image,slide,um_per_px,wbc\n" + "\n".join(",".join(row) for row in rows)
    sheet.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found = read_sheet(sheet)
    except InputError as refused:
        problem = str(refused)
    else:
        problem = ""
        assert all(row.um_per_px is None or 0.02 <= row.um_per_px <= 2.0 for row in found)
    assert problem.isprintable()


@_settings(30)
@given(st.text())
def test_what_is_printed_stays_in_its_line(text):
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)
