"""Foreign and native protocols: thin translations onto service. Here is only what all doors share.

A route declares what it needs with ``opt=needs(Permission.READ)`` or ``opt=PUBLIC``; the server
does not start with a route that declares nothing, and its guard refuses a request before any
handler runs. A handler gets a `Call`, which knows the principal and runs use cases for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar

import msgspec
from litestar import Request
from litestar.datastructures import State

from epochal.domain.access import Permission, Principal
from epochal.errors import InvalidInput
from epochal.service.workers import StoreHandle, Workers

__all__ = ["PERMISSION", "PUBLIC", "Call", "needs"]

PERMISSION: Final = "permission"
PUBLIC: Final[dict[str, Any]] = {PERMISSION: None}

P = ParamSpec("P")
T = TypeVar("T")
UseCase: TypeAlias = Callable[Concatenate[StoreHandle, Principal | None, P], T]

_decode = msgspec.json.Decoder().decode


def needs(permission: Permission) -> dict[str, Any]:
    """The ``opt`` of a route that only principals with ``permission`` may call."""
    return {PERMISSION: permission}


class Call(Request[Principal | None, Any, State]):
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

    async def read(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that changes nothing, as this principal."""
        return await self.workers.look(use_case, self.principal, *args, **kwargs)

    async def ask(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that changes nothing and settles by itself what it needs."""
        return await self.workers.read(use_case, self.principal, *args, **kwargs)

    async def write(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that changes the database, as this principal."""
        return await self.workers.write(use_case, self.principal, *args, **kwargs)

    async def upload(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that takes in bytes, as this principal."""
        return await self.workers.upload(use_case, self.principal, *args, **kwargs)

    async def record(self, use_case: UseCase[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case that records for a foreign client, as this principal."""
        return await self.workers.record(use_case, self.principal, *args, **kwargs)

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
