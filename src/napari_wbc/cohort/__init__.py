"""All images of a batch together: tables, and a page that shows them side by side."""

from napari_wbc.cohort.files import CLASSES_FILE, FILES, PAGE_FILE, SLIDES_FILE, Cohort, CohortImage

__all__ = ["CLASSES_FILE", "FILES", "PAGE_FILE", "SLIDES_FILE", "Cohort", "CohortImage"]
