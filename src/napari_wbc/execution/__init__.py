"""Long work: where it runs, how far it is, how it stops, and how it goes on after a crash.

``tasks`` is the one interface: it does many pieces of work in this process, in several (``processes``) or on a dask
cluster (``cluster``). ``journal`` keeps what was finished, ``progress`` tells and cancels, ``atomic`` writes files that
are whole or not there, ``claims`` keeps two processes from the same place. Nothing here knows what a slide is.
"""

from napari_wbc.execution.progress import CancelToken, Progress, ProgressCallback

__all__ = ["CancelToken", "Progress", "ProgressCallback"]
