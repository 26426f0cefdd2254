"""A server of journals and blobs on loopback that follows wire.md, and fails as it is told.

It reads the journals that it got, wants the blobs that their records name, those of manifests
after the manifests, and keeps what it acknowledged.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from epochal.domain.artifact import read_manifest
from epochal.domain.record import ArtifactCommit, BlobRef, File, Media, Stored
from epochal.journal.frame import FILE_HEADER_SIZE, scan_frames
from epochal.journal.reader import decode_payloads

PIECE = 8 * 1024 * 1024


class BlobServer:
    """The server; ``faults`` gives a status for each blob request, 0 to hang up, or None.

    ``gate`` is called with each path after the answer is made and before it is given.
    """

    def __init__(self, faults: Iterator[int | None] | None = None) -> None:
        self.faults = faults if faults is not None else iter(())
        self.gate: Callable[[str], object] = lambda _: None
        self.journals: dict[str, bytearray] = {}
        self.parts: dict[str, bytearray] = {}
        self.blobs: dict[str, bytes] = {}
        self.pieces: list[tuple[str, int, int]] = []
        self.problems: list[str] = []
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536

            def do_PUT(self) -> None:
                server.answer(self)

            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: Any) -> None:
                return

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One request."""
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        parts = urlsplit(request.path)
        query = {key: int(value[0]) for key, value in parse_qs(parts.query).items()}
        *_, noun, last = parts.path.split("/")
        with self._lock:
            if noun == "journals":
                held = self.journals.setdefault(last, bytearray())
                held += body[len(held) - query["offset"] :]
                status = 200
                reply: dict[str, Any] = {"offset": len(held)}
            else:
                fault = next(self.faults, None)
                if fault == 0:
                    request.close_connection = True
                    return
                if fault is not None:
                    status, reply = fault, {"error": {"message": "as told"}}
                else:
                    status, reply = self._blob(noun, last, query, body)
        self.gate(parts.path)
        data = json.dumps(reply).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(data)))
        request.send_header("Content-Type", "application/json")
        request.end_headers()
        request.wfile.write(data)

    def _blob(
        self, noun: str, last: str, query: dict[str, int], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        wanted = self.wanted()
        if last == "wanted":
            blobs = [
                {"digest": d, "size": s, "offset": len(self.parts.get(d, b"")), "manifest": m}
                for d, (s, m) in wanted.items()
            ]
            blobs.sort(key=lambda blob: not blob["manifest"])
            return 200, {"blobs": blobs[: query["limit"]], "total": len(blobs)}
        if len(body) > PIECE:
            return 413, {"error": {"message": "too large"}}
        if last == "blobs":
            return self._many(body)
        assert noun == "blobs"
        if last not in wanted and last not in self.blobs:
            return 404, {"error": {"message": "nothing refers to it"}}
        self.pieces.append((last, query["offset"], len(body)))
        held = self.parts.setdefault(last, bytearray())
        if query["offset"] > len(held):
            return 409, {"error": {"code": "offset_mismatch", "expected": len(held)}}
        held += body[len(held) - query["offset"] :]
        if len(held) == query["size"]:
            return 200, {"offset": len(held), "complete": self._keep(last, bytes(held))}
        return 200, {"offset": len(held), "complete": False}

    def _many(self, body: bytes) -> tuple[int, dict[str, Any]]:
        position = stored = 0
        while position < len(body):
            digest = body[position : position + 32].hex()
            size = int.from_bytes(body[position + 32 : position + 36], "little")
            self._keep(digest, body[position + 36 : position + 36 + size])
            position += 36 + size
            stored += 1
        return 200, {"stored": stored}

    def _keep(self, digest: str, data: bytes) -> bool:
        if hashlib.sha256(data).hexdigest() != digest:
            self.problems.append(f"{digest} has other bytes")
            return False
        self.blobs[digest] = data
        return True

    def wanted(self) -> dict[str, tuple[int, bool]]:
        """Digest to size, and whether it is a manifest, of what is missing."""
        named: dict[str, tuple[int, bool]] = {}
        for data in self.journals.values():
            scan = scan_frames(bytes(data), FILE_HEADER_SIZE)
            for fact in decode_payloads(scan.payloads, {}, 0, scan.end).facts:
                self._name(fact, named)
        return {digest: told for digest, told in named.items() if digest not in self.blobs}

    def _name(self, fact: object, named: dict[str, tuple[int, bool]]) -> None:
        refs: list[object] = []
        if isinstance(fact, Stored):
            refs += fact.blobs.values()
        elif isinstance(fact, File):
            refs.append(fact.blob)
        elif isinstance(fact, Media):
            refs += [blob for item in fact.items for blob in item.blobs.values()]
        elif isinstance(fact, ArtifactCommit):
            named[fact.manifest.digest] = (fact.manifest.size, True)
            if fact.manifest.digest in self.blobs:
                manifest = read_manifest(self.blobs[fact.manifest.digest])
                named.update({d: (size, False) for d, size in manifest.digests().items()})
        for ref in refs:
            if isinstance(ref, BlobRef):
                named[ref.digest] = (ref.size, False)
