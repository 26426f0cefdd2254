"""The types of ASGI as the layers outside the web library see them: mappings and callables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

WHOLE: Final = "epochal.whole"
"""The name under which a request says that its body is all there, among the extensions of ASGI."""
ANSWER: Final = "epochal.answer"
"""The name under which a request offers to send a whole answer at once, among the extensions."""
Answer: TypeAlias = Callable[[bytes, bytes], bool]
"""Sends a head without its last, empty line, and a body; False when it has to be sent as ASGI's
messages."""
