"""Benchmarks of the segmentation; see ``python -m benchmarks.segmentation --help``."""
