"""What is mutated, and the quick tests that have to notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Files to mutate and the tests that run against each mutant.

    Attributes
    ----------
    files : tuple of str
        Patterns of files, from the repository's top.
    tests : tuple of str
        What pytest is given; of these, a mutant meets those that call its function.
    left_out : tuple of str
        Tests that are too slow to be run hundreds of times.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()


TARGETS = {
    # Counts, intervals, denominators, profiles, advice: where a fault is a wrong number.
    "numbers": Target(
        files=tuple(
            f"src/napari_wbc/differential/{name}.py"
            for name in (
                "advice",
                "count",
                "exports",
                "intervals",
                "outlines",
                "plain_text",
                "profile",
                "profile_entries",
                "profile_file",
                "propagation",
                "ratios",
                "rows",
                "smear_quality",
                "tally",
                "wording",
            )
        ),
        tests=tuple(
            f"tests/differential/test_{name}.py"
            for name in (
                "count",
                "domain_shift_alarm",
                "edges",
                "exported_numbers",
                "exports",
                "intervals",
                "outlines",
                "profile",
                "propagation",
                "ratios",
                "smear_quality",
                "wording",
                "worked_cases",
            )
        ),
        left_out=("tests/differential/test_count.py::test_any_table_sums_to_exactly_100_and_loses_no_cell",),
    ),
    # What a person reads and looks at: the report, its charts, the overlay.
    "pages": Target(
        files=tuple(
            f"src/napari_wbc/differential/{name}.py"
            for name in (
                "charts",
                "class_names",
                "marks",
                "overlay",
                "pages",
                "pdf",
                "provenance_rows",
                "report",
                "report_pictures",
                "report_review",
                "report_rows",
                "report_text",
            )
        ),
        tests=tuple(
            f"tests/differential/test_{name}.py"
            for name in (
                "charts",
                "gallery",
                "marks",
                "overlay",
                "overlay_places",
                "provenance_rows",
                "report",
                "report_pages",
                "report_tables",
                "report_words",
                "wording",
            )
        ),
        left_out=(
            "tests/differential/test_report_pages.py::test_a_long_table_repeats_its_heading_and_cuts_no_row",
            "tests/differential/test_report_pages.py::test_the_pdf_has_the_paper_and_names_the_slide_on_every_page",
        ),
    ),
    "tiles": Target(
        files=(
            "src/napari_wbc/segmentation/tiles.py",
            "src/napari_wbc/segmentation/grid.py",
            "src/napari_wbc/segmentation/segment.py",
            "src/napari_wbc/segmentation/territory.py",
            "src/napari_wbc/execution/tasks.py",
        ),
        tests=(
            "tests/segmentation/test_tile_code.py",
            "tests/segmentation/test_grid_outline.py",
            "tests/segmentation/test_segment.py",
            "tests/segmentation/test_reuse.py::test_a_field_without_a_scale_takes_that_of_the_model",
            "tests/execution/test_tasks.py",
        ),
        # They wait for processes.
        left_out=(
            "tests/execution/test_tasks.py::test_few_tasks_are_handed_out_at_a_time",
            "tests/execution/test_tasks.py::test_workers_have_one_thread_and_this_process_keeps_its_own",
            "tests/execution/test_tasks.py::test_an_error_arrives_and_ends_the_work[2]",
            "tests/execution/test_tasks.py::test_a_process_that_dies_is_replaced",
            "tests/execution/test_tasks.py::test_a_process_that_somebody_kills_is_replaced",
            "tests/execution/test_tasks.py::test_a_task_that_kills_every_worker_is_given_up",
            "tests/execution/test_tasks.py::test_cancel_stops_workers_within_a_second",
            "tests/execution/test_tasks.py::test_workers_end_with_a_parent_that_was_killed",
            "tests/segmentation/test_segment.py::test_the_pyramid_is_used_and_changes_little",
        ),
    ),
}
