"""Long work: progress, cancelling, and where it runs."""

from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback

__all__ = ["CancelToken", "Progress", "ProgressCallback"]
