"""Chunks of OME-Zarr: what they unpack to is known before they are unpacked, and nothing in them runs."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import pickle
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, ZstdCodec

from hostile.corpus import PICTURE, packed_without_its_size
from napari_wbc.errors import InputError
from napari_wbc.slides import open_slide
from pyramid_files import write_ome_zarr

#: Of the packed chunks here, unpacked: four times what a whole picture has, and nothing that would harm.
BOMB = bytes(1 << 16)
INDEX_BYTES = 16 * 16
CODECS = {
    "gzip": GzipCodec(),
    "zstd": ZstdCodec(checksum=True),
    "blosc": BloscCodec(cname="lz4"),
    "blosc of zstd": BloscCodec(cname="zstd", shuffle="bitshuffle"),
}


def replaced(path: Path, **options: object) -> zarr.Array:
    """Write the picture anew as the array 0 of an OME-Zarr."""
    version = 3 if (path / "zarr.json").exists() else 2
    array = zarr.open_group(path, mode="a", zarr_format=version).create_array(
        "0", shape=(3, 60, 80), dtype="uint8", overwrite=True, **options
    )
    array[:] = np.moveaxis(PICTURE, 2, 0)
    return array


def sharded(
    folder: Path, codec: str, *, location: str = "end", checksum: bool = False, fill_value: int = 0
) -> Path:
    """The picture in files of 16 chunks, whose index has 256 bytes."""
    path = write_ome_zarr(folder / "a.zarr", PICTURE, factors=())
    shards = ShardingCodec(
        chunk_shape=(1, 16, 16),
        codecs=[BytesCodec(), CODECS[codec]],
        index_codecs=[BytesCodec(), *([Crc32cCodec()] if checksum else [])],
        index_location=location,
    )
    replaced(path, chunks=(1, 64, 64), serializer=shards, compressors=None, fill_value=fill_value)
    return path


@pytest.mark.parametrize("codec", CODECS)
def test_sound_chunks_of_every_codec_are_read(codec, tmp_path):
    """What bounds a bomb lets everything else through, to the last bit."""
    path = write_ome_zarr(tmp_path / "a.zarr", PICTURE, factors=())
    replaced(path, chunks=(1, 32, 32), compressors=[CODECS[codec]])
    np.testing.assert_array_equal(open_slide(path).read(0, 0, 0, 60, 80), PICTURE)


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("codec", CODECS)
def test_sound_shards_are_read_as_a_whole_and_in_parts(codec, location, checksum, tmp_path):
    slide = open_slide(sharded(tmp_path, codec, location=location, checksum=checksum))
    np.testing.assert_array_equal(slide.read(0, 0, 0, 60, 80), PICTURE)
    for y, x, height, width in ((0, 0, 5, 5), (17, 30, 40, 40), (59, 79, 1, 1)):
        np.testing.assert_array_equal(
            slide.read(0, y, x, height, width), PICTURE[y : y + height, x : x + width]
        )


def test_shards_with_chunks_left_out_are_read(tmp_path):
    """Empty chunks are in no file: the index says so."""
    path = sharded(tmp_path, "gzip", fill_value=7)
    zarr.open_group(path, mode="a")["0"][:, :32, :32] = 7
    expected = PICTURE.copy()
    expected[:32, :32] = 7
    slide = open_slide(path)
    np.testing.assert_array_equal(slide.read(0, 0, 0, 60, 80), expected)
    np.testing.assert_array_equal(slide.read(0, 10, 10, 40, 9), expected[10:50, 10:19])


@pytest.mark.parametrize("id_", ["zlib", "gzip", "bz2", "lzma", "lz4", "zstd", "blosc"])
def test_sound_chunks_of_the_older_version_are_read(id_, tmp_path):
    import numcodecs

    path = write_ome_zarr(tmp_path / "a.zarr", PICTURE, version="0.4", factors=())
    filters = [numcodecs.Delta(dtype="u1"), numcodecs.Shuffle(elementsize=1)] if id_ == "lzma" else None
    replaced(path, chunks=(1, 32, 32), compressors=numcodecs.get_codec({"id": id_}), filters=filters)
    np.testing.assert_array_equal(open_slide(path).read(0, 0, 0, 60, 80), PICTURE)


BOMBS = {
    "gzip": gzip.compress(BOMB),
    "gzip of many members": gzip.compress(b"x") * 2000 + gzip.compress(BOMB),
    "zlib": zlib.compress(BOMB),
    "bz2": bz2.compress(BOMB),
    "bz2 of two streams": bz2.compress(b"x") + bz2.compress(BOMB),
    "lzma": lzma.compress(BOMB),
    "lzma of two streams": lzma.compress(b"x") + lzma.compress(BOMB),
    "zstd": bytes(imagecodecs.zstd_encode(BOMB)),
    "zstd of two frames": bytes(imagecodecs.zstd_encode(b"x")) + bytes(imagecodecs.zstd_encode(BOMB)),
    "zstd behind a frame to be skipped": struct.pack("<II", 0x184D2A50, 4)
    + b"skip"
    + bytes(imagecodecs.zstd_encode(BOMB)),
    "zstd that tells no size": packed_without_its_size(BOMB),
    "lz4": len(BOMB).to_bytes(4, "little") + bytes(imagecodecs.lz4_encode(BOMB)),
    "blosc": bytes(imagecodecs.blosc_encode(BOMB)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_packed_bomb_of_every_codec_is_one_line(name, tmp_path):
    path = write_ome_zarr(tmp_path / "a.zarr", PICTURE, version="0.4", factors=())
    description = json.loads((path / "0" / ".zarray").read_text(encoding="utf-8"))
    description["compressor"] = {"id": name.split()[0]}
    (path / "0" / ".zarray").write_text(json.dumps(description), encoding="utf-8")
    slide_chunks = [f for f in (path / "0").rglob("*") if f.is_file() and not f.name.startswith(".")]
    assert slide_chunks
    for chunk in slide_chunks:
        chunk.write_bytes(BOMBS[name])
    with pytest.raises(InputError, match=r"the OME-Zarr is broken") as caught:
        open_slide(path).read(0, 0, 0, 60, 80)
    assert str(caught.value).isprintable()


def test_a_dictionary_larger_than_any_chunk_needs_is_not_made(tmp_path):
    from napari_wbc.slides.zarr_store import _lzma

    content = bytearray(lzma.compress(bytes(100), format=lzma.FORMAT_ALONE))
    content[1:5] = (0xFFFFFFFF).to_bytes(4, "little")
    with pytest.raises(ValueError, match="Memory"):
        _lzma(bytes(content), 1000)


@pytest.mark.parametrize("whole", [True, False], ids=["whole shard", "one chunk"])
@pytest.mark.parametrize("codec", ["gzip", "zstd", "blosc"])
def test_a_bomb_within_a_shard_is_one_line(codec, whole, tmp_path):
    path = sharded(tmp_path, codec)
    shard = path / "0" / "c" / "0" / "0" / "0"
    # A small image is read as a whole when it is opened.
    slide = open_slide(path)
    with_bomb(shard, BOMBS[codec])
    with pytest.raises(InputError, match="unpacks to more than the 256 bytes"):
        slide.read(0, 0, 0, *((60, 64) if whole else (5, 5)))
    # The chunks beside it can be read.
    np.testing.assert_array_equal(slide.read(0, 17, 17, 5, 5), PICTURE[17:22, 17:22])
    with pytest.raises(InputError, match="unpacks to more than the 256 bytes"):
        open_slide(path)


def with_bomb(shard: Path, bomb: bytes) -> None:
    """Put it in the place of the first chunk of a shard, the index made right."""
    content = shard.read_bytes()
    body, index = content[:-INDEX_BYTES], content[-INDEX_BYTES:]
    shard.write_bytes(body + bomb + struct.pack("<QQ", len(body), len(bomb)) + index[16:])


def test_a_shard_whose_index_leads_nowhere_is_one_line(tmp_path):
    path = sharded(tmp_path, "gzip")
    shard = path / "0" / "c" / "0" / "0" / "0"
    for offset, count in ((2**40, 10), (0, 2**40), (2**64 - 2, 2**63), (2**64 - 1, 5)):
        content = bytearray(shard.read_bytes())
        content[-INDEX_BYTES : 16 - INDEX_BYTES] = struct.pack("<QQ", offset, count)
        shard.write_bytes(content)
        for height, width in ((5, 5), (60, 64)):
            with pytest.raises(InputError, match="broken"):
                open_slide(path).read(0, 0, 0, height, width)
    shard.write_bytes(b"short")
    with pytest.raises(InputError, match="broken"):
        open_slide(path).read(0, 0, 0, 5, 5)


class Exploit:
    """Pickled, it makes a file when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def test_a_pickle_for_a_codec_is_refused_and_runs_nothing(tmp_path, monkeypatch):
    """In a level that is no picture, which Zarr takes for one of texts."""
    import numcodecs.pickles

    # Older versions have no such switch, and it is for the whole process.
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    path = write_ome_zarr(tmp_path / "a.zarr", PICTURE, version="0.4", factors=(2,))
    description = json.loads((path / "1" / ".zarray").read_text(encoding="utf-8"))
    codecs = [{"id": "vlen-utf8"}, {"id": "pickle"}]
    description |= {"dtype": "|O", "filters": codecs, "compressor": None, "fill_value": ""}
    (path / "1" / ".zarray").write_text(json.dumps(description), encoding="utf-8")
    for chunk in (path / "1").rglob("*"):
        if chunk.is_file() and not chunk.name.startswith("."):
            chunk.write_bytes(pickle.dumps(Exploit(tmp_path / "ran")))
    with pytest.raises(InputError, match="packed in a way that is not read here"):
        open_slide(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "filters", [[{"id": "zlib"}], [{"id": "zstd"}, {"id": "zlib"}], [{"id": "base64"}], [{"id": "packbits"}]]
)
def test_chunks_packed_twice_are_refused(filters, tmp_path):
    """Only what is unpacked first is known from the file."""
    path = write_ome_zarr(tmp_path / "a.zarr", PICTURE, version="0.4", factors=())
    description = json.loads((path / "0" / ".zarray").read_text(encoding="utf-8"))
    description |= {"compressor": {"id": "zlib"}, "filters": filters}
    (path / "0" / ".zarray").write_text(json.dumps(description), encoding="utf-8")
    with pytest.raises(InputError, match="packed in a way that is not read here"):
        open_slide(path)


def test_a_file_larger_than_its_chunk_can_be_is_not_read(tmp_path):
    for version, file in (("0.5", "0/c/0/0/0"), ("0.4", "0/0.0.0")):
        path = write_ome_zarr(tmp_path / f"{version}.zarr", PICTURE, version=version, factors=())
        found = path / file if (path / file).exists() else path / "0" / "0" / "0" / "0"
        with found.open("r+b") as opened:
            opened.truncate(3 << 30)  # sparse: it takes no room on the disk
        with pytest.raises(InputError, match="too much for what it is"):
            open_slide(path).read(0, 0, 0, 60, 80)


def test_shards_of_chunks_of_one_px_are_refused(tmp_path):
    path = write_ome_zarr(tmp_path / "a.zarr", PICTURE, factors=())
    array = json.loads((path / "0" / "zarr.json").read_text(encoding="utf-8"))
    array["shape"] = [3, 10**5, 10**5]
    array["chunk_grid"]["configuration"]["chunk_shape"] = [1, 10**4, 10**4]
    index = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
    inner = {"chunk_shape": [1, 1, 1], "codecs": [{"name": "bytes"}], "index_codecs": index}
    array["codecs"] = [{"name": "sharding_indexed", "configuration": inner}]
    (path / "0" / "zarr.json").write_text(json.dumps(array), encoding="utf-8")
    with pytest.raises(InputError, match="too small to be read"):
        open_slide(path)
