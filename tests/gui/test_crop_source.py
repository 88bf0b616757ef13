"""Crops that are read beside the GUI thread."""

import threading

import numpy as np
import pytest

from napari_wbc.errors import InputError
from napari_wbc.gui.review.crop_source import CropSource
from napari_wbc.slides import open_slide
from napari_wbc.slides.array import ArraySlide
from napari_wbc.slides.crops import crop_cells

pytestmark = pytest.mark.gui
BYTES = 32 * 32 * 4


class SlowSlide(ArraySlide):
    """Reads when it is let, notes where, and is broken on its left."""

    def __init__(self, pixels):
        self.gate = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.places = []
        self.broken_left = 0
        super().__init__([pixels], "slow")
        self.places.clear()

    def read(self, level, y, x, height, width):
        self.begun.release()
        assert self.gate.acquire(timeout=10)
        self.places.append(x)
        if x < self.broken_left:
            raise InputError(f"slow.svs: broken at y={y}, x={x}")
        return super().read(level, y, x, height, width)


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 255, (200, 2000, 3)).astype(np.uint8)


@pytest.fixture
def centres():
    """Forty cells in a row, 40 px apart."""
    return np.stack([np.full(40, 100.0), 40.0 * np.arange(40) + 200], axis=1)


@pytest.fixture
def source(qapp):
    source = CropSource(window_um=3.2, size_px=32, cache_bytes=10 * BYTES)
    source.heard = []
    source.arrived.connect(source.heard.extend)
    yield source
    source.shutdown()


def test_crops_are_those_of_the_slide(source, pixels, centres, qtbot):
    slide = open_slide(pixels)
    source.set_slide(slide, centres, 0.1)
    assert source.crop(5) is None
    source.want([5, 7, 39, 99])
    qtbot.waitUntil(lambda: len(source.heard) == 3)
    assert source.heard == [5, 7, 39]
    expected = crop_cells(slide, centres[[7]], um_per_px=0.1, window_um=3.2, size_px=32)[0]
    image = source.crop(7)
    shown = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), np.uint8).reshape(32, 32, 4)
    np.testing.assert_array_equal(shown[..., 2::-1], expected)  # blue, green, red, unused
    # What is here is not read again.
    source.want([5, 7])
    qtbot.wait(80)
    assert source.heard == [5, 7, 39]


def test_memory_is_bounded_and_keeps_what_was_seen_last(source, pixels, centres, qtbot):
    source.set_slide(open_slide(pixels), centres, 0.1)
    for first in range(0, 40, 4):
        source.want(range(first, first + 4))
        qtbot.waitUntil(lambda first=first: first + 3 in source.heard)
        assert source.cached_bytes <= 10 * BYTES
    assert source.cached_bytes == 10 * BYTES
    assert [row for row in range(40) if source.crop(row)] == list(range(30, 40))
    # More wishes than there is room for: the first ones count.
    source.want(range(20))
    qtbot.waitUntil(lambda: source.crop(9) is not None)
    qtbot.wait(80)
    assert [row for row in range(40) if source.crop(row)] == list(range(10))


def test_the_newest_wish_wins(source, pixels, centres, qtbot):
    slide = SlowSlide(pixels)
    source.set_slide(slide, centres, 0.1)
    source.want([0, 1, 2, 3])
    assert slide.begun.acquire(timeout=10)
    source.want([30, 31])
    for _ in range(10):
        slide.gate.release()
    qtbot.waitUntil(lambda: len(source.heard) == 2)
    assert source.heard == [30, 31]
    # The one that was being read is all that was read of the first wishes.
    assert slide.places == [184, 184 + 30 * 40, 184 + 31 * 40]


def test_crops_arrive_while_wishes_change_all_the_time(source, pixels, centres, qtbot):
    source.set_slide(open_slide(pixels), centres, 0.1)
    for turn in range(60):
        source.want([turn % 2, 5, 6])
        qtbot.wait(5)
    assert set(source.heard) == {0, 1, 5, 6}
    # What is read, but was not fetched yet, is not read twice.
    assert len(source.heard) == 4


def test_a_broken_slide_says_so_and_goes_on(source, pixels, centres, qtbot):
    slide = SlowSlide(pixels)
    slide.broken_left = 300
    for _ in range(100):
        slide.gate.release()
    source.set_slide(slide, centres, 0.1)
    source.want([0, 10])
    qtbot.waitUntil(lambda: len(source.heard) == 2)
    assert source.problem(0) == "slow.svs: broken at y=84, x=184"
    assert source.crop(0) is None
    assert source.crop(10) is not None
    assert source.problem(10) == ""
    source.want([0, 10])
    qtbot.wait(80)
    assert len(slide.places) == 2


def test_other_cells_of_the_slide_keep_their_crops(source, pixels, centres, qtbot):
    source.set_slide(open_slide(pixels), centres, 0.1)
    source.want(range(6))
    qtbot.waitUntil(lambda: len(source.heard) == 6)
    moved = np.concatenate([centres, [[100, 50]]])
    moved[2] += 10
    source.set_centres(moved)
    assert [row for row in range(41) if source.crop(row)] == [0, 1, 3, 4, 5]
    source.want([2, 40])
    qtbot.waitUntil(lambda: len(source.heard) == 8)
    assert source.crop(40) is not None


def test_nothing_arrives_after_a_shutdown(source, pixels, centres, qtbot):
    slide = SlowSlide(pixels)
    source.set_slide(slide, centres, 0.1)
    source.want(range(10))
    assert slide.begun.acquire(timeout=10)
    thread = source._reader._thread
    threading.Timer(0.1, slide.gate.release).start()
    source.shutdown()
    assert not thread.is_alive()
    assert slide.places == [184]
    slide.gate.release()
    qtbot.wait(100)
    assert source.heard == []
    # Nothing begins again either.
    source.want(range(10))
    source.set_slide(slide, centres, 0.1)
    source.want(range(10))
    source.shutdown()
    qtbot.wait(50)
    assert source.heard == []


def test_another_slide_waits_for_the_window_being_read(source, pixels, centres, qtbot):
    slide = SlowSlide(pixels)
    source.set_slide(slide, centres, 0.1)
    source.want([0, 1])
    assert slide.begun.acquire(timeout=10)
    threading.Timer(0.1, slide.gate.release).start()
    source.clear()
    # Nobody reads the old slide any more: it can be closed.
    assert slide.places == [184]
    source.set_slide(open_slide(pixels[:, ::-1].copy()), centres, 0.1)
    source.want([3])
    qtbot.waitUntil(lambda: source.heard == [3])
    assert slide.places == [184]


def test_a_source_that_is_dropped_ends_its_thread(qapp, pixels, centres, qtbot):
    source, slide = CropSource(), SlowSlide(pixels)
    source.set_slide(slide, centres, 0.1)
    source.want(range(10))
    assert slide.begun.acquire(timeout=10)
    thread = source._reader._thread
    assert thread.is_alive()
    del source
    slide.gate.release()
    qtbot.waitUntil(lambda: not thread.is_alive())
    assert len(slide.places) == 1


def test_the_thread_is_there_while_something_is_wished_for(source, pixels, centres, qtbot):
    source.set_slide(open_slide(pixels), centres, 0.1)
    for rows in ([0, 1], [2]):
        source.want(rows)
        qtbot.waitUntil(lambda rows=rows: all(source.crop(row) is not None for row in rows))
        qtbot.waitUntil(lambda: source._reader._thread is None)
