"""A request as the routes of the web library get it."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import State

from epochal.domain.access import Principal
from epochal.errors import InvalidInput
from epochal.protocols import Caller, P, T, UseCase
from epochal.service.deposits import Deposit
from epochal.service.receiving import POUR, Pour, receive
from epochal.service.workers import Workers

_decode = msgspec.json.Decoder().decode


class Call(Request[Principal | None, Any, State], Caller):
    """One request, on behalf of one principal."""

    @property
    def principal(self) -> Principal | None:
        """Who acts; None without a valid credential."""
        principal: Principal | None = self.scope.get("user")
        return principal

    @property
    def workers(self) -> Workers:
        """The threads that run use cases."""
        workers: Workers = self.app.state.workers
        return workers

    @property
    def most_bytes(self) -> int:
        """The longest body that is no file."""
        most: int = self.app.state.settings.max_json_bytes
        return most

    @property
    def query(self) -> bytes:
        """What stands behind the question mark of the address."""
        return self.scope["query_string"]

    async def change(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that changes what pages show, as this principal; they hear of it soon."""
        found = await self.write(use_case, *args, **kwargs)
        self.app.state.tailer.nudge()
        return found

    async def take_in(self, deposit: Deposit) -> None:
        """Take the body into a file; by threads of its own when it is large.

        Raises:
            OSError: the disk does not take it.
            RequestTimeout: the body stopped.
        """
        extensions: Any = self.scope.get("extensions") or {}
        pour: Pour | None = extensions.get(POUR)
        if pour is None or not await pour(deposit):
            await receive(self.stream(), deposit)

    async def body(self) -> bytes:
        """The body, of which there must be some.

        Raises:
            InvalidInput: it is empty.
        """
        body = await super().body()
        if not body:
            raise InvalidInput("the body is empty; send JSON")
        return body

    async def json(self) -> Any:
        """The decoded body.

        Raises:
            InvalidInput: it is no JSON, not UTF-8, or nested too deeply.
        """
        body = await self.body()
        try:
            return _decode(body)
        except RecursionError:
            raise InvalidInput("the JSON body is nested too deeply; send a flatter one") from None
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"the JSON body is not UTF-8: {error.reason} at byte {error.start}"
            ) from None
        except msgspec.MsgspecError as error:
            raise InvalidInput(f"the body is no valid JSON: {error}") from None
