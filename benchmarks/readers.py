"""How fast slides are decoded: the same synthetic smear as SVS, OME-TIFF and OME-Zarr, windows of 2048 px, one core.

    python -m benchmarks.readers

CPU time of the reading alone, median of three; nothing is found or classified.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from napari_wbc.slides import Slide, open_slide
from napari_wbc.slides.synthetic import SmearParameters
from napari_wbc.slides.synthetic.files import write_sample
from napari_wbc.slides.tiff import TiffSlide
from napari_wbc.slides.whole_slide import WholeSlide

# No factor divides these sides: the levels of most real slides do not fit either.
_HEIGHT, _WIDTH, _WINDOW = 6001, 6142, 2048


def rate(opened: Callable[[], Slide], level: int) -> float:
    """Megapixels of a level per second of CPU time."""
    rates = []
    for _ in range(3):
        slide = opened()
        height, width = slide.levels[level].shape
        start = time.process_time()
        for y in range(0, height, _WINDOW):
            for x in range(0, width, _WINDOW):
                slide.read(level, y, x, min(_WINDOW, height - y), min(_WINDOW, width - x))
        rates.append(height * width / 1e6 / (time.process_time() - start))
        slide.close()
    return statistics.median(rates)


def main() -> None:
    """Draw the files and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for ending, quality in ((".svs", 90), (".ome.tiff", None), (".ome.zarr", None)):
            parameters = SmearParameters(
                height=_HEIGHT, width=_WIDTH, um_per_px=0.25, seed=1, jpeg_quality=quality
            )
            paths[ending] = write_sample(Path(folder) / f"smear{ending}", parameters)
        svs = paths[".svs"]
        readers: list[tuple[str, Callable[[], Slide]]] = [
            ("SVS, JPEG, read by tifffile", lambda: TiffSlide(svs, "smear")),
            ("SVS, JPEG, read by openslide", lambda: WholeSlide(svs, "smear")),
            ("OME-TIFF, deflate", lambda: open_slide(paths[".ome.tiff"])),
            ("OME-Zarr 0.5", lambda: open_slide(paths[".ome.zarr"])),
        ]
        print("| file and reader | level 0, Mpx/s | level 1, Mpx/s |\n|---|---|---|")
        for name, opened in readers:
            print(f"| {name} | {rate(opened, 0):.0f} | {rate(opened, 1):.0f} |")


if __name__ == "__main__":
    main()
