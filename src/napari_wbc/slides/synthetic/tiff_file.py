"""Pyramidal OME-TIFF and Aperio-style SVS, written one row of tiles at a time."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from napari_wbc.slides.synthetic.parameters import SmearParameters
from napari_wbc.slides.synthetic.reduction import Reduction, Strip, level_shapes

_OME_TILE, _SVS_TILE = 512, 256
#: Classic TIFF ends at 4 GB.
_BIG = 2**31
_SVS_QUALITY = 90


class _TileStore:
    """Packed tiles of the coarser levels, kept on disk until the finest level is written."""

    def __init__(self, levels: int, folder: Path) -> None:
        self._files: list[IO[bytes]] = []
        self._lengths: list[list[int]] = [[] for _ in range(levels)]
        for _ in range(levels):
            # Files without a name: they are gone when closed, whatever happens.
            self._files.append(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115 - closed by close()

    def put(self, level: int, tile: bytes) -> None:
        self._files[level - 1].write(tile)
        self._lengths[level - 1].append(len(tile))

    def tiles(self, level: int) -> Iterator[bytes]:
        file = self._files[level - 1]
        file.seek(0)
        for length in self._lengths[level - 1]:
            yield file.read(length)

    def close(self) -> None:
        for file in self._files:
            file.close()


class _Tiles:
    """The tiles of all levels: the finest as they are drawn, the others from the store afterwards."""

    def __init__(
        self,
        shape: tuple[int, int],
        tile_px: int,
        pack: Callable[[NDArray[np.uint8]], bytes],
        strips: Callable[[int], Iterator[Strip]],
        folder: Path,
    ) -> None:
        self.shapes = level_shapes(shape)
        self._tile_px, self._pack, self._strips = tile_px, pack, strips
        self._store = _TileStore(len(self.shapes) - 1, folder)
        self.smallest = np.zeros((0, self.shapes[-1][1], 3), np.uint8)

    def __enter__(self) -> _Tiles:
        return self

    def __exit__(self, *error: object) -> None:
        self._store.close()

    def finest(self) -> Iterator[bytes]:
        reduction = Reduction(self.shapes, self._tile_px, self._keep)
        rows = 0
        for strip in self._strips(self._tile_px):
            rows += len(strip)
            # Before the tiles are given away: nobody comes back after the last one.
            reduction.add(strip)
            if rows == self.shapes[0][0]:
                reduction.finish()
            if len(self.shapes) == 1:
                self.smallest = np.concatenate([self.smallest, strip])
            yield from self._packed(strip)

    def coarser(self, level: int) -> Iterator[bytes]:
        return self._store.tiles(level)

    def _keep(self, level: int, _: int, strip: Strip) -> None:
        for tile in self._packed(strip):
            self._store.put(level, tile)
        if level == len(self.shapes) - 1:
            self.smallest = np.concatenate([self.smallest, strip])

    def _packed(self, strip: Strip) -> Iterator[bytes]:
        n = self._tile_px
        for x in range(0, strip.shape[1], n):
            tile = strip[:, x : x + n]
            missing = (0, n - tile.shape[0]), (0, n - tile.shape[1]), (0, 0)
            # Tiles at the border are filled with their own edge: JPEG would ring at black.
            yield self._pack(np.pad(tile, missing, mode="edge") if tile.shape[:2] != (n, n) else tile)


def write_ome_tiff(path: Path, parameters: SmearParameters, strips: Callable[[int], Iterator[Strip]]) -> None:
    """Write an OME-TIFF with its coarser levels in SubIFDs; lossless unless ``jpeg_quality`` is given."""
    import tifffile

    p = parameters
    quality = p.jpeg_quality
    options: dict[str, Any] = {"tile": (_OME_TILE, _OME_TILE), "dtype": np.uint8, **_compression(quality)}
    # The same smear gives the same file.
    identity = uuid.uuid5(uuid.NAMESPACE_OID, f"napari-wbc synthetic smear {p!r}")
    metadata = {
        "axes": "YXS",
        "Name": "synthetic smear",
        "UUID": f"urn:uuid:{identity}",
        "PhysicalSizeX": p.um_per_px,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": p.um_per_px,
        "PhysicalSizeYUnit": "µm",
    }
    shape = (p.height, p.width)
    with (
        _Tiles(shape, _OME_TILE, _packer(quality), strips, path.parent) as tiles,
        tifffile.TiffWriter(path, ome=True, bigtiff=3 * p.height * p.width > _BIG) as tiff,
    ):
        tiff.write(
            tiles.finest(),
            shape=(*shape, 3),
            subifds=len(tiles.shapes) - 1,
            metadata=metadata,
            resolution=_resolution(p, 1.0),
            resolutionunit="CENTIMETER",
            **options,
        )
        for level, reduced in enumerate(tiles.shapes[1:], 1):
            tiff.write(
                tiles.coarser(level),
                shape=(*reduced, 3),
                subfiletype=1,
                metadata=None,
                resolution=_resolution(p, shape[1] / reduced[1]),
                resolutionunit="CENTIMETER",
                **options,
            )


def write_svs(path: Path, parameters: SmearParameters, strips: Callable[[int], Iterator[Strip]]) -> None:
    """Write a TIFF as Aperio scanners lay it out: JPEG tiles, a thumbnail, coarser levels, the scale as MPP."""
    import tifffile

    p = parameters
    quality = p.jpeg_quality or _SVS_QUALITY
    options: dict[str, Any] = {
        "dtype": np.uint8,
        "metadata": None,
        "software": False,
        **_compression(quality),
    }
    tiled = {**options, "tile": (_SVS_TILE, _SVS_TILE)}
    height, width = p.height, p.width
    facts = f"|AppMag = {10 / p.um_per_px:g}|MPP = {p.um_per_px:g}|ImageID = synthetic"
    base = f"Aperio Image Library v12.0.0 (synthetic smear)\r\n{width}x{height} [0,0 {width}x{height}]"
    with (
        _Tiles((height, width), _SVS_TILE, _packer(quality), strips, path.parent) as tiles,
        tifffile.TiffWriter(path, bigtiff=3 * height * width > _BIG) as tiff,
    ):
        tiff.write(
            tiles.finest(),
            shape=(height, width, 3),
            description=f"{base} ({_SVS_TILE}x{_SVS_TILE}) JPEG/YCC Q={quality}{facts}",
            **tiled,
        )
        step = max(1, -(-max(tiles.smallest.shape[:2]) // 1024))
        thumbnail = np.ascontiguousarray(tiles.smallest[::step, ::step])
        h, w = thumbnail.shape[:2]
        # Aperio's second page is the thumbnail, the only one in strips.
        tiff.write(
            iter([_packer(quality)(thumbnail)]),
            shape=thumbnail.shape,
            rowsperstrip=h,
            description=f"{base} -> {w}x{h} - {facts}",
            **options,
        )
        for level, (h, w) in enumerate(tiles.shapes[1:], 1):
            tiff.write(
                tiles.coarser(level),
                shape=(h, w, 3),
                description=f"{base} ({_SVS_TILE}x{_SVS_TILE}) -> {w}x{h} JPEG/YCC Q={quality}",
                **tiled,
            )


def _packer(quality: int | None) -> Callable[[NDArray[np.uint8]], bytes]:
    import imagecodecs

    def jpeg(tile: NDArray[np.uint8]) -> bytes:
        tile = np.ascontiguousarray(tile)
        packed = imagecodecs.jpeg8_encode(
            tile, level=quality, colorspace="RGB", outcolorspace="YCBCR", subsampling="420"
        )
        return bytes(packed)

    def deflate(tile: NDArray[np.uint8]) -> bytes:
        # TIFF's predictor 2: differences along the row.
        differences = np.asarray(imagecodecs.delta_encode(np.ascontiguousarray(tile), axis=1))
        return bytes(imagecodecs.zlib_encode(differences.tobytes(), level=4))

    return deflate if quality is None else jpeg


def _compression(quality: int | None) -> dict[str, Any]:
    if quality is None:
        return {"compression": "adobe_deflate", "predictor": 2, "photometric": "rgb"}
    return {"compression": "jpeg", "photometric": "ycbcr", "subsampling": (2, 2)}


def _resolution(parameters: SmearParameters, downsample: float) -> tuple[float, float]:
    per_cm = 1e4 / (parameters.um_per_px * downsample)
    return per_cm, per_cm
