"""Hostile images, each made by code, and a word that the complaint must hold."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from pyramid_files import write_ome_tiff, write_ome_zarr, write_svs

PICTURE = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


def tiff_of_one_tile(path: Path, tile: bytes, compression: int, *, side: int = 64, **tags: int) -> Path:
    """Write by hand what no library would: a tiled TIFF whose tile may hold anything."""
    entries = {
        256: (4, side), 257: (4, side), 258: (3, 0), 259: (3, compression), 262: (3, 6 if compression == 7 else 2),
        277: (3, 3), 322: (4, side), 323: (4, side), 324: (4, 0), 325: (4, len(tile)),
    }  # fmt: skip
    for name, value in tags.items():
        entries[{"width": 256, "height": 257, "tile_width": 322, "tile_height": 323}[name]] = (4, value)
    bits = 8 + 2 + 12 * len(entries) + 4
    page = struct.pack("<H", len(entries))
    for number, (kind, value) in entries.items():
        if number == 258:
            page += struct.pack("<HHII", number, kind, 3, bits)
        elif number == 324:
            page += struct.pack("<HHII", number, kind, 1, bits + 6)
        else:
            page += struct.pack("<HHI", number, kind, 1) + struct.pack("<I", value)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + page + bytes(4) + struct.pack("<3H", 8, 8, 8) + tile)
    return path


def _jpeg_that_claims(height: int, width: int) -> bytes:
    jpeg = bytearray(imagecodecs.jpeg8_encode(PICTURE))
    frame = jpeg.find(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(jpeg)


def _jpeg2000_that_claims(side: int) -> bytes:
    code = bytearray(imagecodecs.jpeg2k_encode(PICTURE, codecformat="j2k", reversible=True))
    start = code.find(b"\xff\x4f\xff\x51") + 2
    for place in (6, 10, 22, 26):
        code[start + place : start + place + 4] = struct.pack(">I", side)
    return bytes(code)


def _png(height: int, width: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg_bomb(folder: Path) -> Path:
    (folder / "bomb.jpg").write_bytes(_jpeg_that_claims(65500, 65500))
    return folder / "bomb.jpg"


def png_bomb(folder: Path) -> Path:
    (folder / "bomb.png").write_bytes(_png(60_000, 60_000, zlib.compress(bytes(10**7), 9)))
    return folder / "bomb.png"


def png_with_a_flipped_bit(folder: Path) -> Path:
    """A bit of the packed pixels: they can be unpacked all the same, to others."""
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "PNG", compress_level=0)
    content = bytearray(file.getvalue())
    content[len(content) // 2] ^= 4
    (folder / "flipped.png").write_bytes(content)
    return folder / "flipped.png"


def tiff_with_a_jpeg_bomb(folder: Path) -> Path:
    return tiff_of_one_tile(folder / "jpeg.tif", _jpeg_that_claims(65500, 65500), 7)


def tiff_with_a_jpeg2000_bomb(folder: Path) -> Path:
    return tiff_of_one_tile(folder / "jpeg2000.tif", _jpeg2000_that_claims(60_000), 33005)


def tiff_with_a_webp_bomb(folder: Path) -> Path:
    content = imagecodecs.webp_encode(np.zeros((4000, 4000, 3), np.uint8), level=1)
    return tiff_of_one_tile(folder / "webp.tif", content, 50001)


def tiff_with_a_png_inside(folder: Path) -> Path:
    return tiff_of_one_tile(folder / "png.tif", _png(60_000, 60_000, b""), 34933)


def tiff_with_a_deflate_bomb(folder: Path) -> Path:
    return tiff_of_one_tile(folder / "deflate.tif", zlib.compress(bytes(1 << 26), 9), 8)


def tiff_with_a_zstd_bomb(folder: Path) -> Path:
    return tiff_of_one_tile(folder / "zstd.tif", imagecodecs.zstd_encode(bytes(1 << 28)), 50000)


def tiff_of_absurd_size(folder: Path) -> Path:
    return tiff_of_one_tile(folder / "absurd.tif", b"x", 8, width=2**32 - 1, height=2**32 - 1)


def tiff_of_an_absurd_tile(folder: Path) -> Path:
    sides = {"width": 60_000, "height": 60_000, "tile_width": 60_000, "tile_height": 60_000}
    return tiff_of_one_tile(folder / "tile.tif", b"x", 8, **sides)


def tiff_of_no_size(folder: Path) -> Path:
    return tiff_of_one_tile(folder / "none.tif", b"x", 8, width=0)


def tiff_in_a_circle(folder: Path) -> Path:
    """The page after the first one is the first one."""
    path = tiff_of_one_tile(folder / "circle.tif", b"x", 8)
    content = bytearray(path.read_bytes())
    content[8 + 2 + 12 * 10 : 8 + 2 + 12 * 10 + 4] = struct.pack("<I", 8)
    path.write_bytes(content)
    return path


def ome_tiff_of_absurdly_many_frames(folder: Path) -> Path:
    """Tifffile would make a list with a place for each of them."""
    path = write_ome_tiff(folder / "frames.ome.tif", PICTURE, tile=32, factors=())
    return _described(path, b'SizeT="1"', b'SizeT="4000000000"')


def ome_tiff_of_absurdly_many_planes(folder: Path) -> Path:
    path = write_ome_tiff(folder / "planes.ome.tif", PICTURE, tile=32, factors=())
    return _described(path, b'PlaneCount="1"', b'PlaneCount="4000000000"')


def ome_tiff_of_absurdly_many_labels(folder: Path) -> Path:
    """Of the steps along an axis; tifffile would make an array of them."""
    path = write_ome_tiff(folder / "labels.ome.tif", PICTURE, tile=32, factors=())
    along = b'<ModuloAlongT Type="lifetime" Start="0" End="4000000000"/>'
    note = b'<XMLAnnotation ID="A:0" Namespace="x/modulo"><Value><Modulo>' + along
    note += b"</Modulo></Value></XMLAnnotation>"
    noted = b"<StructuredAnnotations>" + note + b"</StructuredAnnotations></OME>"
    return _described(path, b"</OME>", noted)


def ome_tiff_in_other_files(folder: Path) -> Path:
    """Tifffile would open whatever it names."""
    path = write_ome_tiff(folder / "others.ome.tif", PICTURE, tile=32, factors=())
    uuid = b'<UUID FileName="/dev/zero">urn:uuid:0</UUID></TiffData>'
    with tifffile.TiffFile(path) as tif:
        own = tif.pages[0].description.encode()
    start = own.index(b"<TiffData")
    end = own.index(b"/>", start)
    return _described(path, own[start : end + 2], own[start:end] + b">" + uuid)


def _described(path: Path, old: bytes, new: bytes) -> Path:
    """Alter a description, which is moved to the end of the file."""
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tag = tif.pages[0].tags["ImageDescription"]
        told = tag.value.encode()
        assert old in told, told
        tag.overwrite(told.replace(old, new) + b"\0")
    return path


def svs_with_an_absurd_tag(folder: Path) -> Path:
    """The list of its tiles claims four thousand million entries: libtiff makes room for them, or ends the process."""
    path = write_svs(folder / "tag.svs", PICTURE, tile=32, factors=(4,))
    with tifffile.TiffFile(path) as tif:
        place = tif.pages[0].tags[324].offset
    content = bytearray(path.read_bytes())
    content[place + 4 : place + 8] = struct.pack("<I", 2**32 - 1)
    path.write_bytes(content)
    return path


def bif_with_an_absurd_tile(folder: Path) -> Path:
    """A tile of 4 GB less a byte: openslide makes room for it as it reads, or ends the process."""
    path = write_svs(folder / "tile.bif", PICTURE, tile=32, factors=(4,))
    with tifffile.TiffFile(path, mode="r+b") as tif:
        counts = list(tif.pages[0].tags[325].value)
        tif.pages[0].tags[325].overwrite([2**32 - 1, *counts[1:]], dtype="I")
    return path


def bif_of_an_absurd_tile_size(folder: Path) -> Path:
    """Tiles of 1 x 1 thousand million px."""
    path = write_svs(folder / "size.bif", PICTURE, tile=32, factors=(4,))
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags[322].overwrite(1 << 30)
    return path


def halved_svs(folder: Path) -> Path:
    path = write_svs(folder / "half.svs", PICTURE, tile=32, factors=(4,))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _zarr(folder: Path, name: str, **changes: object) -> Path:
    path = write_ome_zarr(folder / name, PICTURE, factors=())
    array = json.loads((path / "0" / "zarr.json").read_text(encoding="utf-8"))
    array.update(changes)
    (path / "0" / "zarr.json").write_text(json.dumps(array), encoding="utf-8")
    return path


def _chunks(*shape: int) -> dict[str, object]:
    return {"name": "regular", "configuration": {"chunk_shape": list(shape)}}


def zarr_of_absurd_size(folder: Path) -> Path:
    return _zarr(folder, "absurd.zarr", shape=[3, 10**12, 10**12])


def zarr_of_no_size(folder: Path) -> Path:
    return _zarr(folder, "none.zarr", shape=[3, 0, 80])


def zarr_of_absurd_chunks(folder: Path) -> Path:
    return _zarr(folder, "chunks.zarr", shape=[3, 10**5, 10**5], chunk_grid=_chunks(3, 10**5, 10**5))


def zarr_of_chunks_of_a_px(folder: Path) -> Path:
    return _zarr(folder, "dots.zarr", shape=[3, 10**6, 10**6], chunk_grid=_chunks(1, 1, 1))


def zarr_with_a_chunk_bomb(folder: Path) -> Path:
    path = _zarr(
        folder, "bomb.zarr", codecs=[{"name": "bytes"}, {"name": "gzip", "configuration": {"level": 5}}]
    )
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    content = packed.compress(bytes(1 << 27)) + packed.flush()
    for channel in range(3):
        (path / "0" / "c" / str(channel) / "0" / "0").write_bytes(content)
    return path


def zarr_with_a_bomb_in_a_shard(folder: Path) -> Path:
    """An inner chunk of 130 kB that unpacks to 2 GB, in a frame of Zstandard that does not tell so."""
    index = [{"name": "bytes", "configuration": {"endian": "little"}}]
    codecs = [{"name": "bytes"}, {"name": "zstd", "configuration": {"level": 0, "checksum": False}}]
    shards = {"chunk_shape": [1, 30, 40], "codecs": codecs, "index_codecs": index}
    path = _zarr(folder, "shard.zarr", codecs=[{"name": "sharding_indexed", "configuration": shards}])
    bomb = packed_without_its_size(bytes(1 << 17), times=1 << 14)
    for channel in range(3):
        places = struct.pack("<QQ", 0, len(bomb)) * 4
        (path / "0" / "c" / str(channel) / "0" / "0").write_bytes(bomb + places)
    return path


def packed_without_its_size(content: bytes, times: int = 1) -> bytes:
    """A frame of Zstandard as a stream has it: blocks of one repeated byte, and no word of how many in all."""
    assert len(set(content)) == 1
    size = 1 << 16
    blocks = [min(size, len(content) - start) for start in range(0, len(content), size)] * times
    packed = b"".join(
        (length << 3 | 2 | (place == len(blocks) - 1)).to_bytes(3, "little") + content[:1]
        for place, length in enumerate(blocks)
    )
    return b"\x28\xb5\x2f\xfd\x00\x58" + packed


def zarr_with_a_missing_chunk_of_json(folder: Path) -> Path:
    path = write_ome_zarr(folder / "text.zarr", PICTURE, factors=())
    (path / "zarr.json").write_text("[" * 100_000, encoding="utf-8")
    return path


def text_named_svs(folder: Path) -> Path:
    (folder / "letter.svs").write_text("Dear Sir or Madam\n" * 20, encoding="utf-8")
    return folder / "letter.svs"


def postscript_named_png(folder: Path) -> Path:
    """Pillow would start Ghostscript with it."""
    (folder / "script.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", encoding="utf-8")
    return folder / "script.png"


CORPUS: dict[Callable[[Path], Path], str] = {
    jpeg_bomb: "megapixels",
    png_bomb: "megapixels",
    png_with_a_flipped_bit: "checksum",
    tiff_with_a_jpeg_bomb: "another size",
    tiff_with_a_jpeg2000_bomb: "another size",
    tiff_with_a_webp_bomb: "another size",
    tiff_with_a_png_inside: "compressed in a way",
    tiff_with_a_deflate_bomb: "broken",
    tiff_with_a_zstd_bomb: "broken",
    tiff_of_absurd_size: "broken",
    tiff_of_an_absurd_tile: "too large",
    tiff_of_no_size: "none.tif",
    tiff_in_a_circle: "broken",
    ome_tiff_of_absurdly_many_frames: "claims 12000000000 frames",
    ome_tiff_of_absurdly_many_planes: "claims 4000000000 frames",
    ome_tiff_of_absurdly_many_labels: "claims 4000000000 frames",
    ome_tiff_in_other_files: "spread over several files",
    svs_with_an_absurd_tag: "claims more",
    bif_with_an_absurd_tile: "beyond the end of the file",
    bif_of_an_absurd_tile_size: "a tile is too large",
    halved_svs: "truncated",
    zarr_of_absurd_size: "no size of a slide",
    zarr_of_no_size: "no pixels",
    zarr_of_absurd_chunks: "chunks",
    zarr_of_chunks_of_a_px: "chunks",
    zarr_with_a_chunk_bomb: "unpacks to more",
    zarr_with_a_bomb_in_a_shard: "broken",
    zarr_with_a_missing_chunk_of_json: "text.zarr",
    text_named_svs: "letter.svs",
    postscript_named_png: "not an image",
}
