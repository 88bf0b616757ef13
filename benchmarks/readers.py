"""How fast slides are decoded: the same synthetic smear as SVS, OME-TIFF and OME-Zarr, windows of 2048 px, one core.

    python -m benchmarks.readers

CPU time of the reading alone, median of three; nothing is found or classified.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile

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


def write_jpeg2000(path: Path, image: np.ndarray) -> Path:
    """An SVS of one level with tiles of JPEG 2000 in RGB (33005) at 38 dB, about one bit per px."""

    def tiles() -> Iterator[bytes]:
        for y in range(0, image.shape[0], 256):
            for x in range(0, image.shape[1], 256):
                tile = np.ascontiguousarray(image[y : y + 256, x : x + 256])
                yield imagecodecs.jpeg2k_encode(tile, level=38, codecformat="j2k")

    height, width = image.shape[:2]
    about = f"Aperio Image Library v12\r\n{width}x{height} [0,0 {width}x{height}] (256x256) J2K|MPP = 0.25"
    options = {"shape": image.shape, "dtype": np.uint8, "tile": (256, 256), "photometric": "rgb"}
    tifffile.imwrite(path, tiles(), compression=33005, description=about, metadata=None, **options)
    return path


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
        with_levels = open_slide(svs)
        picture = with_levels.read(0, 0, 0, _WINDOW, _WINDOW)
        with_levels.close()
        jpeg2000 = write_jpeg2000(Path(folder) / "jpeg2000.svs", picture)
        readers: list[tuple[str, Callable[[], Slide]]] = [
            ("SVS, JPEG, read by tifffile", lambda: TiffSlide(svs, "smear")),
            ("SVS, JPEG, read by openslide", lambda: WholeSlide(svs, "smear")),
            ("SVS, JPEG 2000, read by tifffile", lambda: TiffSlide(jpeg2000, "smear")),
            ("SVS, JPEG 2000, read by openslide", lambda: WholeSlide(jpeg2000, "smear")),
            ("OME-TIFF, deflate", lambda: open_slide(paths[".ome.tiff"])),
            ("OME-Zarr 0.5", lambda: open_slide(paths[".ome.zarr"])),
        ]
        print("| file and reader | level 0, Mpx/s | level 1, Mpx/s |\n|---|---|---|")
        for name, opened in readers:
            levels = [f"{rate(opened, level):.0f}" for level in range(min(2, len(opened().levels)))]
            print(f"| {name} | {' | '.join([*levels, '-'][:2])} |")


if __name__ == "__main__":
    main()
