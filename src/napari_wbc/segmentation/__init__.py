"""Segmentation: slide model, tiles, nuclei, cells."""

from napari_wbc.segmentation.cells import SegmentedCell
from napari_wbc.segmentation.model_file import load_slide_model, save_slide_model
from napari_wbc.segmentation.quality import RegionQuality
from napari_wbc.segmentation.reuse import pool_slide_model
from napari_wbc.segmentation.segment import (
    Segmentation,
    TileFindings,
    TileResult,
    cells_to_table,
    segment,
    segment_slide,
    segment_tile,
    sort_cells,
)
from napari_wbc.segmentation.slide_model import SlideModel, fit_slide_model, relight
from napari_wbc.segmentation.tiles import Tile, plan_tiles

__all__ = [
    "RegionQuality",
    "Segmentation",
    "SegmentedCell",
    "SlideModel",
    "Tile",
    "TileFindings",
    "TileResult",
    "cells_to_table",
    "fit_slide_model",
    "load_slide_model",
    "plan_tiles",
    "pool_slide_model",
    "relight",
    "save_slide_model",
    "segment",
    "segment_slide",
    "segment_tile",
    "sort_cells",
]
