"""Chooses the source of truth, in one place.

An address (argument, then ``EPOCHAL_URL``) means HTTP. Without one, the home is asked: through its
server while one runs there, else by opening its database for as long as an answer takes. A server
that starts or stops between two questions is noticed.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar, cast

from epochal._loading import load
from epochal.api.content import Content, OpenContent, Readable, holds, open_blob
from epochal.api.question import Question, Source
from epochal.api.remote import HttpSource
from epochal.client.credentials import find_key
from epochal.errors import NotFound, Unavailable
from epochal.journal.home import ServerAddress, find_home, read_server_address

LOCAL: Final = "epochal.api.local:LocalSource"

Answer = TypeVar("Answer")


def choose_source(
    url: str | None = None,
    api_key: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Source:
    """The source that the arguments and the environment name.

    Args:
        url: a server's address; wins over everything.
        api_key: for the server; by default ``EPOCHAL_API_KEY``, or what `epochal.login` stored.
        home: a home's path; wins over ``EPOCHAL_URL``.

    Raises:
        InvalidInput: the address is no HTTP address.
    """
    place = find_home(home)
    address = url or (None if home else os.environ.get("EPOCHAL_URL"))
    if address:
        key = api_key or os.environ.get("EPOCHAL_API_KEY") or find_key(place, address)
        return HttpSource(address, key or "")
    return HomeSource(place)


class HomeSource:
    """A home, read through its server while one runs, else through its files.

    Args:
        home: absolute path of the home; it may appear later.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = threading.Lock()
        self._server: tuple[ServerAddress, HttpSource] | None = None
        self._held = threading.local()

    def ask(self, question: Question[Answer]) -> Answer:
        """Answer from wherever the truth is at this moment; see `Source.ask`."""
        held = getattr(self._held, "source", None)
        if held is not None:
            return cast("Source", held).ask(question)
        first = self._choose()
        try:
            return first.ask(question)
        except Unavailable:
            self._forget()
            second = self._choose()
            if second.page_url() == first.page_url():
                raise
            return second.ask(question)

    @contextlib.contextmanager
    def session(self) -> Iterator[Source]:
        """Stay with one choice meanwhile."""
        if getattr(self._held, "source", None) is not None:
            yield self
            return
        self._forget()  # a server that died since the last question shall not fail this session
        chosen = self._choose()
        with chosen.session():
            self._held.source = chosen
            try:
                yield self
            finally:
                self._held.source = None

    @contextlib.contextmanager
    def opener(self) -> Iterator[OpenContent]:
        """Open bytes from the home's files where they can be read, else through its server."""
        with contextlib.ExitStack() as stack:
            kept: list[OpenContent] = []

            def open_content(
                content: Content, start: int
            ) -> contextlib.AbstractContextManager[Readable]:
                if not kept and not holds(self.home, content):
                    server = self._live_server()
                    if server is not None:
                        kept.append(stack.enter_context(server.opener()))
                return kept[0](content, start) if kept else open_blob(self.home, content, start)

            yield open_content

    def several(self, contents: Sequence[Content]) -> Mapping[str, bytes]:
        """Nothing where the home's files can be read, else what its server gives at once."""
        if all(holds(self.home, content) for content in contents):
            return {}
        server = self._live_server()
        return server.several(contents) if server is not None else {}

    def page_url(self) -> str | None:
        """The running server's address, or None."""
        server = self._live_server()
        return server.url if server else None

    def _choose(self) -> Source:
        server = self._live_server()
        if server is not None:
            return server
        if not self.home.is_dir():
            raise NotFound(
                f"there is no Epochal home at {self.home} yet; "
                f"log a run, or make one with `epochal init`"
            )
        # The store brings the database library; who talks to a server need not pay for it.
        return cast("Source", load(LOCAL)(self.home))

    def _live_server(self) -> HttpSource | None:
        address = read_server_address(self.home)
        with self._lock:
            known = self._server
        if address is None:
            return None
        if known is not None and known[0] == address:
            return known[1]
        key = address.token or os.environ.get("EPOCHAL_API_KEY", "")
        found = HttpSource(address.url, key)
        if not found.serves(self.home):
            return None
        with self._lock:
            self._server = (address, found)
        return found

    def _forget(self) -> None:
        with self._lock:
            self._server = None
