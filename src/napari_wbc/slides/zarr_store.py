"""A folder of Zarr whose chunks unpack to no more than they ought to: a chunk of 4 MB may hold 4 GB."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.storage import LocalStore

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

_ZSTD = b"\x28\xb5\x2f\xfd"
_SHARDS = "sharding_indexed"
#: Codecs that give back as many bytes as they get. Any other one is refused: Zarr 2 knows some that make objects of a
#: chunk, among them pickle, which runs what the chunk says.
_OF_SAME_SIZE = frozenset({"bytes", "transpose", "shuffle", "delta", "bitround"})
_CHECKSUM, _CHECKSUM_BYTES = "crc32c", 4
#: A description, or the slack of a packed file over what it unpacks to, bytes.
_LARGEST_TEXT, _SLACK = 64 << 20, 1 << 20
_KEPT_INDEXES = 16
#: Memory that a chunk of LZMA may want for its dictionary; its largest presets take 64 MB.
_LZMA_MEMORY = 1 << 28
_MOST_BLOCKS = 10_000


class BoundedStore(LocalStore):  # type: ignore[misc]
    """Files of a folder; a chunk, also one within a shard, is looked at before its codec unpacks it.

    Parameters
    ----------
    root : pathlib.Path
        The folder.
    """

    def __init__(self, root: Any, *, read_only: bool = True) -> None:
        super().__init__(root, read_only=read_only)
        self._bounds: dict[str, _Bound] = {}
        self._indexes: dict[tuple[object, ...], NDArray[np.uint64]] = {}

    def bound(self, array: Any) -> None:
        """Remember what the chunks of an array may hold.

        Parameters
        ----------
        array : zarr.Array
            Of this store.

        Raises
        ------
        ValueError
            Its chunks are packed in a way of which that is not known.
        """
        self._bounds[array.path] = _bound_of(array)

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """See Zarr.

        Raises
        ------
        ValueError
            The file, or a chunk in it, would unpack to more than it ought to.
        """
        bound = self._bound_for(key, byte_range)
        return self._checked(await super().get(key, prototype, byte_range), key, byte_range, bound)

    def get_sync(
        self,
        key: str,
        *,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """See Zarr; raises as :meth:`get` does."""
        bound = self._bound_for(key, byte_range)
        found = super().get_sync(key, prototype=prototype, byte_range=byte_range)
        return self._checked(found, key, byte_range, bound)

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """See Zarr; raises as :meth:`get` does."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    def _bound_for(self, key: str, byte_range: ByteRequest | None) -> _Bound | None:
        """Give the bound of a chunk, None for a description; refuse a file that is too large to be read as a whole."""
        bound = next((b for path, b in self._bounds.items() if key.startswith(f"{path}/")), None)
        if key.endswith(("json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")):
            bound = None
        if byte_range is None:
            self._check_size(key, _LARGEST_TEXT if bound is None else 2 * bound.file_bytes + _SLACK)
        return bound

    def _checked(
        self, found: Buffer | None, key: str, byte_range: ByteRequest | None, bound: _Bound | None
    ) -> Buffer | None:
        if found is not None and bound is not None and bound.codec is not None:
            content = found.to_bytes()
            for start, stop in self._packed_parts(key, bound, byte_range, len(content)):
                bound.check(content[start:stop], key)
        return found

    def _check_size(self, key: str, most: int) -> None:
        try:
            size = (Path(self.root) / key).stat().st_size
        except OSError:
            return  # whoever reads it says so
        if size > most:
            raise ValueError(f"{key} has {size} bytes, which is too much for what it is")

    def _packed_parts(
        self, key: str, bound: _Bound, byte_range: ByteRequest | None, length: int
    ) -> list[tuple[int, int]]:
        """Give what of the bytes that were read is packed on its own: start and end of each, counted from the first."""
        if bound.shards is None:
            return [(0, length)]
        size = (Path(self.root) / key).stat().st_size
        if isinstance(byte_range, RangeByteRequest):
            first = byte_range.start
        elif isinstance(byte_range, OffsetByteRequest):
            first = byte_range.offset
        elif isinstance(byte_range, SuffixByteRequest):
            first = max(0, size - byte_range.suffix)
        else:
            first = 0
        chunks = self._index(key, bound.shards)
        inside = chunks[
            (chunks[:, 0] >= first)
            & (chunks[:, 0] <= first + length)
            & (chunks[:, 1] <= first + length - chunks[:, 0])
        ]
        is_index = (first, length) == (bound.shards.place(size), min(bound.shards.index_bytes, size))
        if not (len(inside) or byte_range is None or is_index):
            raise ValueError(f"the index of the shard {key} is broken")
        return [(int(offset) - first, int(offset) - first + int(count)) for offset, count in inside]

    def _index(self, key: str, shards: _Shards) -> NDArray[np.uint64]:
        """Give offset and bytes of every chunk of a shard that is there, each once."""
        file = Path(self.root) / key
        state = file.stat()
        mark = (key, state.st_size, state.st_mtime_ns)
        if mark not in self._indexes:
            with file.open("rb") as opened:
                opened.seek(shards.place(state.st_size))
                content = opened.read(16 * shards.chunks)
            if len(content) < 16 * shards.chunks:
                raise ValueError(f"the shard {key} is too short for its index")
            pairs = np.frombuffer(content, shards.dtype).astype(np.uint64).reshape(-1, 2)
            there = pairs[(pairs != np.iinfo(np.uint64).max).any(axis=1)]
            if (there > state.st_size).any():
                raise ValueError(f"the index of the shard {key} leads beyond its end")
            self._indexes[mark] = np.unique(there, axis=0)
            if len(self._indexes) > _KEPT_INDEXES:
                del self._indexes[next(iter(self._indexes))]
        return self._indexes[mark]


@dataclass(frozen=True)
class _Shards:
    """How the files of an array hold several chunks each.

    Attributes
    ----------
    chunks : int
        In a file.
    dtype : numpy.dtype
        Of the numbers of the index: offset and bytes of every chunk.
    index_bytes : int
        Of the index with its checksum.
    at_start : bool
        Whether it stands before the chunks.
    """

    chunks: int
    dtype: np.dtype[np.uint64]
    index_bytes: int
    at_start: bool

    def place(self, size: int) -> int:
        """Tell where the index begins in a file of a size."""
        return 0 if self.at_start else max(0, size - self.index_bytes)


@dataclass(frozen=True)
class _Bound:
    """What the chunks of an array are packed with, and how large they are.

    Attributes
    ----------
    codec : str or None
        What unpacks them.
    behind : int
        Bytes of a chunk as stored that lie behind what is packed: checksums.
    chunk_bytes, file_bytes : int
        Of a chunk, and of all chunks in a file, unpacked.
    shards : _Shards or None
        None where every chunk has a file of its own.
    """

    codec: str | None
    behind: int
    chunk_bytes: int
    file_bytes: int
    shards: _Shards | None

    def check(self, content: bytes, key: str) -> None:
        """Raise ValueError for a chunk that would unpack to more than it is."""
        assert self.codec is not None
        packed = content[: len(content) - self.behind]
        if _SIZES[self.codec](packed, self.chunk_bytes) > self.chunk_bytes:
            raise ValueError(f"the chunk {key} unpacks to more than the {self.chunk_bytes} bytes of a chunk")


def _bound_of(array: Any) -> _Bound:
    described = array.metadata.to_dict()
    codecs: list[Mapping[str, Any]] = [
        *(described.get("filters") or ()),
        *(described.get("codecs") or ()),
        *filter(None, [described.get("compressor")]),
    ]
    chunk_bytes = array.dtype.itemsize * math.prod(array.chunks)
    file_bytes = array.dtype.itemsize * math.prod(array.shards or array.chunks)
    shards = None
    outer = [codec for codec in codecs if _name(codec) == _SHARDS]
    if outer:
        # A shard that is packed as a whole could not be read in parts.
        _unpacking([codec for codec in codecs if codec is not outer[0]], may_pack=False)
        configuration = outer[0]["configuration"]
        shards = _shards_of(configuration, math.prod(array.shards) // math.prod(array.chunks))
        codecs = list(configuration["codecs"])
    codec, behind = _unpacking(codecs)
    return _Bound(codec, behind, chunk_bytes, file_bytes + (shards.index_bytes if shards else 0), shards)


def _shards_of(configuration: Mapping[str, Any], chunks: int) -> _Shards:
    codecs = list(configuration.get("index_codecs", ()))
    names = [_name(codec) for codec in codecs]
    if names[:1] != ["bytes"] or names[1:] not in ([], [_CHECKSUM]):
        raise ValueError(f"an index of shards that is stored in a way that is not read here ({names})")
    big = (codecs[0].get("configuration") or {}).get("endian") == "big"
    checksum = _CHECKSUM_BYTES * (len(names) - 1)
    at_start = configuration.get("index_location", "end") == "start"
    return _Shards(chunks, np.dtype(">u8" if big else "<u8"), 16 * chunks + checksum, at_start)


def _unpacking(codecs: Sequence[Mapping[str, Any]], *, may_pack: bool = True) -> tuple[str | None, int]:
    """Give the codec that unpacks a chunk, and the bytes of checksums behind it."""
    names = [_name(codec) for codec in codecs]
    behind = 0
    while names and names[-1] == _CHECKSUM:
        names.pop()
        behind += _CHECKSUM_BYTES
    codec = names.pop() if names and names[-1] in _SIZES and may_pack else None
    for name in names:
        if name not in _OF_SAME_SIZE:
            raise ValueError(f"its chunks are packed in a way that is not read here ({name!r})")
    return codec, behind


def _name(codec: Mapping[str, Any]) -> str:
    return str(codec.get("name") or codec.get("id")).removeprefix("numcodecs.")


def _gzip(content: bytes, most: int) -> int:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        return len(file.read(most + 1))


def _bz2(content: bytes, most: int) -> int:
    with bz2.BZ2File(io.BytesIO(content)) as file:
        return len(file.read(most + 1))


def _lzma(content: bytes, most: int) -> int:
    unpacker = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    try:
        size = len(unpacker.decompress(content, most + 1))
    except lzma.LZMAError as error:
        raise ValueError(str(error)) from None
    if unpacker.unused_data:
        raise ValueError("a chunk of several streams of LZMA")
    return size


def _zstandard(content: bytes, most: int) -> int:
    """Read the size from the head of the frame; what tells none, or has several, is unpacked into so much room."""
    told = _single_frame(content)
    if told is not None:
        return told
    import imagecodecs

    return len(imagecodecs.zstd_decode(content, out=most + 1))


def _single_frame(content: bytes) -> int | None:
    """Give the size that the only frame of a content tells."""
    if content[:4] != _ZSTD or len(content) < 6:
        return None
    descriptor = content[4]
    flag, single = descriptor >> 6, descriptor >> 5 & 1
    start = 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3]
    length = (single, 2, 4, 8)[flag]
    place = start + length
    for _ in range(_MOST_BLOCKS):
        head = int.from_bytes(content[place : place + 3], "little")
        # A block of one repeated byte holds that byte alone.
        place += 3 + (1 if head >> 1 & 3 == 1 else head >> 3)
        if head & 1 or place >= len(content):
            break
    if not length or place + 4 * (descriptor >> 2 & 1) != len(content):
        return None
    return int.from_bytes(content[start : start + length], "little") + (256 if length == 2 else 0)


#: By codec, how many bytes a chunk unpacks to; of those that do not tell, no more are unpacked than one too many.
_SIZES: dict[str, Callable[[bytes, int], int]] = {
    "gzip": _gzip,
    "zlib": lambda content, most: len(zlib.decompressobj().decompress(content, most + 1)),
    "zstd": _zstandard,
    "blosc": lambda content, _: int.from_bytes(content[4:8], "little"),
    "lz4": lambda content, _: int.from_bytes(content[:4], "little"),
    "bz2": _bz2,
    "lzma": _lzma,
}
