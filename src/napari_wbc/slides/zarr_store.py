"""A folder of Zarr whose chunks unpack to no more than they ought to: a chunk of 4 MB may hold 4 GB."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zarr.storage import LocalStore

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

_ZSTD = b"\x28\xb5\x2f\xfd"


class BoundedStore(LocalStore):  # type: ignore[misc]
    """Files of a folder; a chunk is looked at before its codec unpacks it.

    Shards, which hold many chunks in a file, are given as they are.

    Parameters
    ----------
    root : pathlib.Path
        The folder.
    """

    def __init__(self, root: Any, *, read_only: bool = True) -> None:
        super().__init__(root, read_only=read_only)
        self._bounds: dict[str, tuple[str, int]] = {}

    def bound(self, array: Any) -> None:
        """Remember what the chunks of an array may hold.

        Parameters
        ----------
        array : zarr.Array
            Of this store.
        """
        described = array.metadata.to_dict()
        codecs = [
            c.get("name") or c.get("id")
            for c in (*described.get("codecs", ()), described.get("compressor"))
            if c
        ]
        size = array.dtype.itemsize
        for length in array.chunks:
            size *= length
        packed = [name for name in codecs if name in _SIZES]
        # Packed twice, only what is unpacked first is known from the file.
        if packed:
            self._bounds[array.path] = (packed[-1], size)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """See Zarr.

        Raises
        ------
        ValueError
            The chunk would unpack to more than an array's chunk is.
        """
        found = await super().get(key, prototype, byte_range)
        path = next((p for p in self._bounds if key.startswith(f"{p}/")), None)
        if (
            found is None
            or byte_range is not None
            or path is None
            or key.endswith(("json", ".zarray", ".zattrs"))
        ):
            return found
        codec, size = self._bounds[path]
        if _SIZES[codec](found.to_bytes(), size) > size:
            raise ValueError(f"the chunk {key} unpacks to more than the {size} bytes of a chunk")
        return found


def _deflated(content: bytes, most: int) -> int:
    total = 0
    while content and total <= most:
        unpacker = zlib.decompressobj(47)
        total += len(unpacker.decompress(content, most + 1))
        content = unpacker.unused_data
    return total


def _zstandard(content: bytes, most: int) -> int:
    """Read the size from the head of the frame; some writers leave it out, then it is unpacked into so much room."""
    if content[:4] != _ZSTD or len(content) < 6:
        return 0
    flag, single, dictionary = content[4] >> 6, content[4] >> 5 & 1, content[4] & 3
    start = 5 + (1 - single) + (0, 1, 2, 4)[dictionary]
    length = (single, 2, 4, 8)[flag]
    if length:
        return int.from_bytes(content[start : start + length], "little") + (256 if length == 2 else 0)
    import imagecodecs

    return len(imagecodecs.zstd_decode(content, out=most + 1))


_SIZES: dict[str, Callable[[bytes, int], int]] = {
    "gzip": _deflated,
    "zlib": _deflated,
    "zstd": _zstandard,
    "blosc": lambda content, _: int.from_bytes(content[4:8], "little"),
    "lz4": lambda content, _: int.from_bytes(content[:4], "little"),
    "bz2": lambda content, most: len(bz2.BZ2Decompressor().decompress(content, most + 1)),
    "lzma": lambda content, most: len(lzma.LZMADecompressor().decompress(content, most + 1)),
}
