"""The built page: files are read once at start, and a request can only name one of them.

No request ever becomes a path. Types come from our own short list (the web library adds the
charset of text). A file asked for with the digest of its content in ``?v=`` may be kept for ever;
everything else is checked again each time by its strong ETag.

The document of a workspace or a run ends with what the page would ask for first
(`server/start.py`). Its beginning is sent at once, so that scripts load while the store is asked,
those of a run's tab beside those of every page; it is kept by nobody.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Final

from litestar import Response, get
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from epochal.protocols import PUBLIC
from epochal.protocols.call import Call
from epochal.server.packing import GZIP_WINDOW, LEVEL, accepts_gzip
from epochal.server.start import Place, place_of, start_of

STATIC: Final = Path(__file__).parent / "static"
INDEX: Final = "index.html"
MAX_FILE: Final = 32 * 1024 * 1024
LEAST_VERSION: Final = 8
TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
}
MISSING: Final = (
    "Epochal's server is running, but its page was not built.\n\n"
    "In a checkout: cd web && npm ci && npm run build, then start the server again.\n"
    "The API under /api/v1 and the command line work without the page.\n"
)
END: Final = b"</body>"
HEAD_END: Final = b"</head>"
BUILD: Final = "BUILD.json"
"""Tells, among others, the chunks and styles that show a tab of a run."""
_PACKABLE: Final = frozenset({".html", ".js", ".css", ".json", ".svg", ".map", ".txt"})


class File:
    """One file of the page, in memory.

    Args:
        name: its path below ``static/``, with ``/``.
        body: its bytes.
    """

    def __init__(self, name: str, body: bytes) -> None:
        suffix = Path(name).suffix.lower()
        self.body = body
        self.type = TYPES.get(suffix, "application/octet-stream")
        self.digest = hashlib.sha256(body).hexdigest()
        self._packs = suffix in _PACKABLE and len(body) > 1024
        self._packed: bytes | None = None

    def packed(self) -> bytes | None:
        """The gzip form, made at the first wish; None when packing gains nothing."""
        if self._packs and self._packed is None:
            self._packed = gzip.compress(self.body, 6, mtime=0)
        return self._packed


class Page:
    """All files of the page.

    Args:
        directory: where they lie; a missing one gives an empty page.
    """

    def __init__(self, directory: Path = STATIC) -> None:
        self.files: dict[str, File] = {}
        self._links: dict[str, bytes] = {}
        if not directory.is_dir():
            return
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_FILE:
                name = path.relative_to(directory).as_posix()
                self.files[name] = File(name, path.read_bytes())

        built = self.files.get(BUILD)
        tabs: dict[str, list[str]] = json.loads(built.body).get("tabs", {}) if built else {}
        self._links = {tab: _preload(addresses) for tab, addresses in tabs.items()}

    def document(self, place: Place) -> bytes:
        """The document of a place, which asks at once for the chunks and styles that show it."""
        body = self.files[INDEX].body
        links = self._links.get(place.tab, b"") if place.run else b""
        return body.replace(HEAD_END, links + HEAD_END, 1)

    @property
    def build(self) -> str:
        """Names this very bundle: the document names each script by its content."""
        index = self.files.get(INDEX)
        return index.digest[:16] if index else ""

    def answer(self, call: Call, name: str, version: str | None) -> Response[bytes]:
        """A file as an HTTP answer: 200, 304, or 404."""
        file = self.files.get(name)
        if file is None:
            return _text("There is no such file.\n", 404)
        packed = file.packed() if "gzip" in call.headers.get("accept-encoding", "") else None
        etag = f'"{file.digest[:32]}{"-gz" if packed else ""}"'
        named_by_content = version is not None and len(version) >= LEAST_VERSION
        forever = named_by_content and file.digest.startswith(version or "")
        headers = {
            "etag": etag,
            "vary": "accept-encoding",
            "cache-control": "public, max-age=31536000, immutable" if forever else "no-cache",
        }
        seen = {
            tag.strip().removeprefix("W/")
            for tag in call.headers.get("if-none-match", "").split(",")
        }
        if etag in seen or "*" in seen:
            return Response(b"", status_code=304, headers=headers, media_type=file.type)
        if packed:
            headers["content-encoding"] = "gzip"
        return Response(packed or file.body, headers=headers, media_type=file.type)

    def lost(self) -> Response[bytes]:
        """The page at an address that nothing answers to: it says so, and leads on."""
        index = self.files.get(INDEX)
        if index is None:
            return _text("There is nothing at this address.\n", 404)
        headers = {"cache-control": "no-store"}
        return Response(index.body, status_code=404, headers=headers, media_type=index.type)


def _preload(addresses: list[str]) -> bytes:
    return "".join(
        f'<link rel="{"stylesheet" if ".css?" in address else "modulepreload"}" crossorigin'
        f' href="{address}">'
        for address in addresses
    ).encode()


def _text(text: str, status: int) -> Response[bytes]:
    return Response(
        text.encode(),
        status_code=status,
        media_type="text/plain",
        headers={"cache-control": "no-store"},
    )


@get(
    ["/", "/p", "/p/{path:path}", "/models", "/models/{path:path}", "/keys", "/embed/{path:path}"],
    opt=PUBLIC,
    include_in_schema=False,
)
async def index(request: Call) -> Response[bytes] | Stream:
    """The page itself; its own router reads the address."""
    page: Page = request.app.state.page
    if INDEX not in page.files:
        return _text(MISSING, 503)
    place = place_of(request.scope["raw_path"].decode("latin-1"))
    if place is None or request.principal is None:
        return page.answer(request, INDEX, None)
    packs = accepts_gzip(list(request.scope["headers"]))
    return Stream(
        _started(request, page.document(place), place, packs=packs),
        media_type=TYPES[".html"],
        headers={
            "cache-control": "no-store",
            "vary": "accept-encoding",
            **({"content-encoding": "gzip"} if packs else {}),
        },
    )


async def _started(
    request: Call, document: bytes, place: Place, *, packs: bool
) -> AsyncIterator[bytes]:
    """The document in two pieces: as it was built, and what the page would ask for."""
    head, end, tail = document.rpartition(END)
    if not packs:
        yield head
        yield await start_of(request, place) + end + tail
        return
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    yield packer.compress(head) + packer.flush(zlib.Z_SYNC_FLUSH)
    rest = await start_of(request, place) + end + tail
    yield await asyncio.to_thread(lambda: packer.compress(rest) + packer.flush())


@get("/static/{path:path}", opt=PUBLIC, include_in_schema=False)
async def static(
    request: Call,
    path: FromPath[str],
    version: Annotated[str | None, QueryParameter(name="v")] = None,
) -> Response[bytes]:
    """A file of the page."""
    page: Page = request.app.state.page
    # The router forgives a slash at the end; a file has one name only.
    name = "" if request.scope["raw_path"].endswith(b"/") else path.removeprefix("/")
    return page.answer(request, name, version)


@get("/healthz", opt=PUBLIC, include_in_schema=False)
async def health() -> Response[bytes]:
    """Whether the server answers; the same text whoever asks."""
    return _text("ok", 200)


ROUTES: Final[list[Any]] = [index, static, health]
