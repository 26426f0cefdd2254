"""The container of a ``.wandb`` file: records in checked chunks, as LevelDB's log has them.

A file begins with seven bytes, ``:W&B``, a magic number and a version. Blocks of 32 KiB, counted
from the file's start, hold chunks: CRC-32 of type and payload, u16 length, u8 type (1 whole, 2
first, 3 middle, 4 last), little-endian. A chunk never crosses a block; fewer than seven bytes at
the end of one are padding. What is damaged is stepped over up to the next block; a tail that is
torn ends the file for now.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from epochal.errors import InvalidInput, NewerFormat, NotFound

IDENT: Final = b":W&B"
MAGIC: Final = 0xBEE1
HEAD: Final = 7
BLOCK: Final = 32 * 1024
_CHUNK: Final = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class LogFile:
    """A ``.wandb`` file; every iteration reads it from the beginning.

    Args:
        path: the file.

    Attributes:
        damaged: chunks that the last iteration stepped over.
        torn: bytes at its end that hold no whole record.

    Raises:
        NotFound: there is none.
        InvalidInput: it is something else.
        NewerFormat: its version is not known.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        self.torn = 0
        with self._open() as file:
            head = file.read(HEAD)
        if not head:
            raise InvalidInput(f"{path} is empty: its client ended before it wrote anything")
        if len(head) < HEAD or head[:4] != IDENT or head[4:6] != MAGIC.to_bytes(2, "little"):
            raise InvalidInput(
                f"{path} is no .wandb file: it begins with {head[:7]!r}, expected {IDENT!r}"
            )
        if head[6] != 0:
            raise NewerFormat(f"{path} has the version {head[6]}; this Epochal reads version 0")

    def _open(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            raise NotFound(f"there is no file {self.path}; name a directory of wandb") from None
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be read: {error.strerror}") from None

    def __iter__(self) -> Iterator[bytes]:
        self.damaged = self.torn = 0
        record: list[bytes] | None = None
        good = HEAD
        with self._open() as file:
            for end, kind, payload in self._chunks(file):
                if kind in (_WHOLE, _FIRST):
                    record = [payload]
                elif record is not None and kind:
                    record.append(payload)
                else:
                    record = None  # damage, or what is left of a record that began in it
                if kind in (_WHOLE, _LAST) and record is not None:
                    yield b"".join(record)
                    record, good = None, end
            self.torn = max(0, file.seek(0, 2) - good)

    def _chunks(self, file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
        """End offset, type and payload of each chunk; type 0 stands for damage."""
        file.seek(0)
        start = 0
        while block := file.read(BLOCK):
            at = HEAD if start == 0 else 0
            while at + _CHUNK.size <= len(block):
                checksum, length, kind = _CHUNK.unpack_from(block, at)
                if not kind and not length:
                    break  # padding, or nothing was written here yet
                end = at + _CHUNK.size + length
                if end > len(block):
                    if len(block) == BLOCK:
                        self.damaged += 1
                        yield start + at, 0, b""
                    break
                if zlib.crc32(block[at + 6 : end]) != checksum or kind > _LAST:
                    self.damaged += 1
                    yield start + at, 0, b""
                    break
                yield start + end, kind, block[at + _CHUNK.size : end]
                at = end
            start += len(block)
