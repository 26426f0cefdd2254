"""Foreign and native protocols: thin translations onto service. Here is only what all doors share.

A route declares what it needs with ``opt=needs(Permission.READ)`` or ``opt=PUBLIC``; the server
does not serve with a route that declares nothing, and its guard refuses a request before any
handler runs. A handler gets a `Caller`, which knows the principal and runs use cases for it: a
`ShortCall`, or the `Call` of `epochal.protocols.call` where the web library knows the route.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar

from epochal.domain.access import Permission, Principal
from epochal.service.workers import StoreHandle, Workers

__all__ = ["PERMISSION", "PUBLIC", "Caller", "ShortCall", "needs"]

PERMISSION: Final = "permission"
PUBLIC: Final[dict[str, Any]] = {PERMISSION: None}

P = ParamSpec("P")
T = TypeVar("T")
UseCase: TypeAlias = Callable[Concatenate[StoreHandle, Principal | None, P], T]


def needs(permission: Permission) -> dict[str, Any]:
    """The ``opt`` of a route that only principals with ``permission`` may call."""
    return {PERMISSION: permission}


class Caller(ABC):
    """One request, on behalf of one principal."""

    @property
    @abstractmethod
    def principal(self) -> Principal | None:
        """Who acts; None without a valid credential."""

    @property
    @abstractmethod
    def workers(self) -> Workers:
        """The threads that run use cases."""

    @property
    @abstractmethod
    def most_bytes(self) -> int:
        """The longest body that is no file."""

    @property
    @abstractmethod
    def method(self) -> str:
        """The method of HTTP."""

    @property
    @abstractmethod
    def query(self) -> bytes:
        """What stands behind the question mark of the address."""

    @property
    @abstractmethod
    def receive(self) -> Callable[[], Awaitable[Any]]:
        """ASGI: the body, piece by piece."""

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


class ShortCall(Caller):
    """A request that is answered without the web library, for whose own kind it is too dear.

    Args:
        scope: of ASGI.
        receive: of ASGI.
        workers: the threads that run use cases.
        most_bytes: the longest body.
    """

    def __init__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        workers: Workers,
        most_bytes: int,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._workers = workers
        self._most_bytes = most_bytes

    @property
    def principal(self) -> Principal | None:
        """Who acts; None without a valid credential."""
        principal: Principal | None = self._scope.get("user")
        return principal

    @property
    def workers(self) -> Workers:
        """The threads that run use cases."""
        return self._workers

    @property
    def most_bytes(self) -> int:
        """The longest body."""
        return self._most_bytes

    @property
    def method(self) -> str:
        """The method of HTTP."""
        return str(self._scope["method"])

    @property
    def query(self) -> bytes:
        """What stands behind the question mark of the address."""
        return bytes(self._scope["query_string"])

    @property
    def receive(self) -> Callable[[], Awaitable[Any]]:
        """ASGI: the body, piece by piece."""
        return self._receive
