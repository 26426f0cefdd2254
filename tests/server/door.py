"""The application in this process: any request, byte for byte, without a socket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from epochal.server.app import Application, create_app
from epochal.server.peer import STATE_KEY, Peer
from epochal.server.settings import Settings
from epochal.store.owner import Store, open_store

TOKEN = "the-token-of-server-json"
HOST = b"localhost:7557"
Headers = dict[str, str] | list[tuple[bytes, bytes]]


class Answer:
    """What came back."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((v.decode() for n, v in self.headers if n.lower() == name.encode()), None)

    def all(self, name: str) -> list[str]:
        """Every header of that name."""
        return [v.decode() for n, v in self.headers if n.lower() == name.encode()]

    def json(self) -> Any:
        """The body, strictly: NaN is no JSON."""
        return json.loads(self.body, parse_constant=lambda text: 1 / 0)

    @property
    def code(self) -> str:
        """The code of the error envelope."""
        return str(self.json()["error"]["code"])


class Me(Peer):
    """A peer whose user is known."""

    def __init__(self, uid: int | None) -> None:
        super().__init__(None, None)
        self._asked = True
        self._uid = uid


class Door:
    """Runs an application with its event loop in a thread; use as a context manager."""

    def __init__(self, home: Path, **settings: Any) -> None:
        self.settings = Settings(home=home, **settings)
        self.store: Store = open_store(home)
        self.app: Application = create_app(self.store, self.settings, TOKEN)
        self.peer: Peer | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._end = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        started = threading.Event()
        self._life = asyncio.run_coroutine_threadsafe(self._live(started), self._loop)
        assert started.wait(60), "the application did not start"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._life.result(60)
        self.store.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    async def _live(self, started: threading.Event) -> None:
        stage = iter(["lifespan.startup"])

        async def receive() -> dict[str, Any]:
            if (first := next(stage, None)) is not None:
                return {"type": first}
            await self._end.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: Any) -> None:
            assert not message["type"].endswith("failed"), message
            started.set()

        await self.app(
            {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send
        )

    def ask(
        self,
        method: str,
        target: str,
        *,
        headers: Headers | None = None,
        json_body: Any = None,
        body: bytes | Iterable[bytes] = b"",
        host: bytes | None = HOST,
        token: bool = True,
        scope: dict[str, Any] | None = None,
    ) -> Answer:
        """One request; as the local user by the token unless ``token`` is false."""
        raw = [(b"host", host)] if host is not None else []
        if token:
            raw.append((b"authorization", b"Bearer " + TOKEN.encode()))
        if isinstance(headers, dict):
            raw += [(n.lower().encode(), v.encode("latin-1")) for n, v in headers.items()]
        else:
            raw += headers or []
        if json_body is not None:
            body = json.dumps(json_body).encode()
            raw.append((b"content-type", b"application/json"))
        chunks = [body] if isinstance(body, bytes) else list(body)
        path, _, query = target.partition("?")
        full: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": raw,
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 7557),
            "state": {STATE_KEY: self.peer} if self.peer else {},
            **(scope or {}),
        }
        waiting = asyncio.run_coroutine_threadsafe(self._ask(full, chunks), self._loop)
        return waiting.result(30)

    async def _ask(self, scope: dict[str, Any], chunks: list[bytes]) -> Answer:
        answer = Answer()
        complete = asyncio.Event()
        left = list(chunks)

        async def receive() -> dict[str, Any]:
            if left:
                part = left.pop(0)
                return {"type": "http.request", "body": part, "more_body": bool(left)}
            await complete.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = list(message["headers"])
            elif message["type"] == "http.response.body":
                answer.body += message.get("body", b"")
                if not message.get("more_body"):
                    complete.set()
            else:
                answer.status = message.get("code", 0)

        await self.app(scope, receive, send)
        return answer
