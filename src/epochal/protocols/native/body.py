"""The body of an upload: collected and unpacked under a limit, counted against one budget.

A request can neither make the server keep more than ``max_bytes`` of it, nor can many requests
together keep more than the
budget: who comes too late gets `Unavailable` and tries again.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from epochal.errors import InvalidInput, TooLarge, Unavailable, UnsupportedMediaType

FREE_RATIO_BYTES: Final = 1024 * 1024
MAX_RATIO: Final = 250
GZIP_WINDOW: Final = 31


class Budget:
    """Bytes of memory that uploads may hold at the same time. Belongs to one event loop.

    Args:
        size: how many bytes there are.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.used = 0

    @contextlib.contextmanager
    def hold(self, amount: int) -> Iterator[None]:
        """Keep ``amount`` bytes for the length of the block.

        One upload is always admitted, whatever its size.

        Raises:
            Unavailable: others hold too much at the moment.
        """
        if self.used and self.used + amount > self.size:
            raise Unavailable("too many uploads are under way; try again in a moment")
        self.used += amount
        try:
            yield
        finally:
            self.used -= amount


def expected_size(content_length: str | None, encoding: str | None, max_bytes: int) -> int:
    """How much memory a body may need, in bytes, judged by its headers.

    Args:
        content_length: the header, if any.
        encoding: the Content-Encoding header, if any.
        max_bytes: the limit of one body, packed or unpacked.

    Raises:
        InvalidInput: the length is no number.
        TooLarge: it is past the limit.
        UnsupportedMediaType: the encoding is neither gzip nor identity.
    """
    if encoding not in (None, "", "identity", "gzip"):
        raise UnsupportedMediaType(
            f"Content-Encoding must be gzip or left out, got {encoding!r:.80}"
        )
    if content_length is None:
        return max_bytes
    if not (content_length.isascii() and content_length.isdigit()) or len(content_length) > 19:
        raise InvalidInput(f"Content-Length must be a number of bytes, got {content_length!r:.80}")
    size = int(content_length)
    _check_size(size, max_bytes)
    return max_bytes if encoding == "gzip" and size else size


async def collect(chunks: AsyncIterator[bytes], max_bytes: int) -> bytearray:
    """All chunks together, not copied once more.

    Raises:
        TooLarge: there are more than ``max_bytes``; what was read is dropped.
    """
    body = bytearray()
    async for chunk in chunks:
        _check_size(len(body) + len(chunk), max_bytes)
        body += chunk
    return body


def unpack(body: bytes | bytearray, encoding: str | None, max_bytes: int) -> bytes | bytearray:
    """The body without its Content-Encoding.

    Raises:
        TooLarge: it unpacks to more than ``max_bytes``, or to more than 250 times its size.
        InvalidInput: it is no whole gzip stream.
    """
    if encoding != "gzip" or not body:
        return body
    limit = min(max_bytes, max(FREE_RATIO_BYTES, len(body) * MAX_RATIO))
    decompressor = zlib.decompressobj(GZIP_WINDOW)
    try:
        data = decompressor.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidInput(f"the body says gzip but is none: {error}") from None
    _check_size(len(data), limit)
    if not decompressor.eof or decompressor.unused_data:
        raise InvalidInput("the gzip body is cut short or has bytes after its end; send it whole")
    return data


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(
            f"the body has more than {limit:,} bytes; send the journal in smaller stretches"
        )
