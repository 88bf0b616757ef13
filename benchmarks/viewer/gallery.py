"""Scrolling through 10,000 cells: the gallery against a QListWidget with an icon per cell.

Both show the same crops of the same drawn slide (SVS, JPEG tiles) in a window and a grid of the same size, and are
scrolled from the first cell to the last, one line of cells per frame and at most 60 frames per second. A frame is a
scroll and the painting that it causes. The longest block is the longest time in which the GUI thread took no events,
from the call that shows the cells to the last frame. The plain way needs every crop before it can show one; it is
given them, and the seconds that cutting them takes stand apart. "cpu" is the GUI thread's own work, which other load
of the machine leaves alone. The gallery reads them while it scrolls; how many of
the cells that a frame showed had their crop by then is told as well.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QImage, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QAbstractScrollArea, QApplication, QListView, QListWidget, QListWidgetItem

from napari_wbc.gui.review.crop_source import SHOWN_PX, SHOWN_UM, CropSource
from napari_wbc.gui.review.gallery import CellGallery
from napari_wbc.leukocytes import class_of
from napari_wbc.slides import open_slide
from napari_wbc.slides.crops import crop_cells
from napari_wbc.slides.slide import Slide
from napari_wbc.slides.synthetic import EVERY_CLASS, SmearParameters, SyntheticSmear, write_sample

N_CELLS, UM_PER_PX, SLIDE_PX = 10_000, 0.25, 5000
WINDOW = QSize(900, 800)
FRAME_S = 1 / 60


def run() -> dict[str, Any]:
    """Measure both ways; ratios are plain to ours."""
    application = QApplication.instance() or QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        slide, centres, labels = _drawn(Path(folder))
        notes = [f"{value:.2f}" for value in np.random.default_rng(0).uniform(0.4, 1, N_CELLS)]
        gallery, source = CellGallery(), CropSource()
        source.set_slide(slide, centres, UM_PER_PX)
        gallery.set_source(source)
        watch = Watch(
            gallery, lambda: np.mean([source.crop(row) is not None for row in gallery.visible_rows])
        )
        watch.show(lambda: gallery.set_cells(labels, np.arange(N_CELLS), notes=notes))
        cell = gallery.cell_size
        ours = watch.scroll(cell.height())
        source.shutdown()
        ours["megabytes_of_pictures"] = source.cached_bytes / 1e6
        gallery.close()

        before = time.perf_counter()
        crops = crop_cells(slide, centres, um_per_px=UM_PER_PX, window_um=SHOWN_UM, size_px=SHOWN_PX)
        cutting = time.perf_counter() - before
        slide.close()
    plain = QListWidget()
    watch = Watch(plain, lambda: 1.0)
    watch.show(lambda: _fill(plain, cell, gallery.side, crops, labels, notes))
    theirs = watch.scroll(cell.height()) | {"seconds_to_cut_the_crops_before": cutting}
    theirs["megabytes_of_pictures"] = N_CELLS * gallery.side**2 * 4 / 1e6
    plain.close()
    application.processEvents()
    compared = (
        "ms_until_shown",
        "frame_ms_median",
        "frame_ms_95",
        "frame_cpu_ms_median",
        "longest_block_ms",
        "longest_block_cpu_ms",
        "megabytes_of_pictures",
    )
    return {
        "cells": N_CELLS,
        "gallery": ours,
        "list_widget": theirs,
        "ratios": {name: theirs[name] / ours[name] for name in compared},
    }


class Watch(QObject):
    """Scrolls a view and notes how long each frame takes.

    Parameters
    ----------
    view : QAbstractScrollArea
        What is measured.
    complete : callable
        Gives the share of the cells in sight that have their crop.
    """

    def __init__(self, view: QAbstractScrollArea, complete: Callable[[], float]) -> None:
        super().__init__()
        self.view, self._complete = view, complete
        self.paints, self.until_shown = 0, 0.0
        self.longest, self.longest_cpu, self.cpu = 0.0, 0.0, 0.0
        view.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        self.paints += event.type() == QEvent.Type.Paint
        return bool(super().eventFilter(watched, event))

    def show(self, show_cells: Callable[[], None]) -> None:
        """Open the window, then show the cells."""
        self.view.resize(WINDOW)
        self.view.show()
        self._live(0.5)
        self.longest = self.longest_cpu = 0.0

        def until_painted() -> None:
            show_cells()
            QApplication.processEvents()

        self.until_shown = self._timed(until_painted)
        self._live(0.5)

    def scroll(self, step: int) -> dict[str, Any]:
        """Scroll from top to bottom; gives milliseconds."""
        bar = self.view.verticalScrollBar()
        frames, work, complete, self.paints = [], [], [], 0

        def frame(value: int) -> None:
            bar.setValue(value)
            QApplication.processEvents()

        for value in range(step, bar.maximum() + step, step):
            begun = time.perf_counter()
            frames.append(1000 * self._timed(lambda value=value: frame(value)))
            work.append(1000 * self.cpu)
            complete.append(self._complete())
            self._live(FRAME_S - (time.perf_counter() - begun))
        return {
            "frames": len(frames),
            "frames_painted": self.paints,
            "ms_until_shown": 1000 * self.until_shown,
            "frame_ms_median": float(np.median(frames)),
            "frame_ms_95": float(np.percentile(frames, 95)),
            "frame_ms_longest": max(frames),
            "frame_cpu_ms_median": float(np.median(work)),
            "frame_cpu_ms_longest": max(work),
            "longest_block_ms": 1000 * self.longest,
            "longest_block_cpu_ms": 1000 * self.longest_cpu,
            "crops_there_percent": 100 * float(np.mean(complete)),
        }

    def _live(self, seconds: float) -> None:
        """Take events for a while, at least once."""
        end = time.perf_counter() + seconds
        while True:
            self._timed(QApplication.processEvents)
            if time.perf_counter() >= end:
                return
            time.sleep(0.001)

    def _timed(self, what: Callable[[], object]) -> float:
        begun, begun_cpu = time.perf_counter(), time.thread_time()
        what()
        seconds, self.cpu = time.perf_counter() - begun, time.thread_time() - begun_cpu
        self.longest, self.longest_cpu = max(self.longest, seconds), max(self.longest_cpu, self.cpu)
        return seconds


def _drawn(folder: Path) -> tuple[Slide, NDArray[np.float64], list[str]]:
    """Draw a slide; its cells stand for so many that there are enough, each a little beside the others."""
    parameters = SmearParameters(
        height=SLIDE_PX,
        width=SLIDE_PX,
        um_per_px=UM_PER_PX,
        seed=3,
        composition=EVERY_CLASS,
        leukocytes_per_mm2=1500,
    )
    path = folder / "drawn.svs"
    write_sample(path, parameters)
    truth = SyntheticSmear(parameters).truth()
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.resize(np.arange(len(truth)), N_CELLS))
    centres = truth[["y_px", "x_px"]].to_numpy(float)[rows] + rng.uniform(-4, 4, (N_CELLS, 2))
    return open_slide(path), centres, truth["label"].iloc[rows].tolist()


def _fill(
    plain: QListWidget,
    cell: QSize,
    side: int,
    crops: NDArray[np.uint8],
    labels: list[str],
    notes: list[str],
) -> None:
    """Show the cells as icons, with what Qt offers to make that quick."""
    plain.setViewMode(QListView.ViewMode.IconMode)
    plain.setIconSize(QSize(side, side))
    plain.setGridSize(cell)
    plain.setUniformItemSizes(True)
    plain.setMovement(QListView.Movement.Static)
    plain.setResizeMode(QListView.ResizeMode.Adjust)
    plain.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
    for crop, label, note in zip(crops, labels, notes, strict=True):
        image = QImage(crop.tobytes(), SHOWN_PX, SHOWN_PX, 3 * SHOWN_PX, QImage.Format.Format_RGB888)
        pixmap = QPixmap.fromImage(
            image.scaled(
                side, side, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
        )
        painter = QPainter(pixmap)
        painter.setPen(QPen(QColor(class_of(label).colour), 3))
        painter.drawRect(1, 1, side - 3, side - 3)
        painter.end()
        plain.addItem(QListWidgetItem(QIcon(pixmap), f"{class_of(label).abbreviation} {note}"))
