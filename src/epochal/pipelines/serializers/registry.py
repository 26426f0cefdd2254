"""Which serializer keeps which value: the first that matches, the user's before our own.

A serializer has a name, which is stored with what it wrote, so that the same one reads it. Our own
write nothing that runs when it is read; pickle is used only where the user said so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from epochal.errors import Conflict, InvalidInput, NotFound
from epochal.pipelines.named import name_of
from epochal.pipelines.serializers.parts import Outbox, Parts

T = TypeVar("T")


class Serializer(Protocol):
    """Keeps values of some kind.

    Attributes:
        name: stored with the value; never reuse one for another form.
        kind: the type of the artifact: ``value``, ``model`` or ``dataset``.
    """

    name: str
    kind: str

    def matches(self, value: Any) -> bool:
        """Whether it keeps this value."""

    def save(self, value: Any, out: Outbox) -> None:
        """Write the value. Equal values should give equal bytes."""

    def load(self, parts: Parts) -> Any:
        """Read a value; each call gives a fresh one."""


class _Simple:
    """A user's serializer for one class: two functions over a directory."""

    kind = "value"

    def __init__(
        self, kind: type[T], save: Callable[[T, Path], object], load: Callable[[Path], T]
    ) -> None:
        self._class = kind
        self._save = save
        self._load = load
        self.name = name_of(kind)

    def matches(self, value: Any) -> bool:
        """See `Serializer`."""
        return isinstance(value, self._class)

    def save(self, value: Any, out: Outbox) -> None:
        """See `Serializer`."""
        folder = out.folder()
        self._save(value, folder)
        out.classes.add(name_of(type(value)))
        out.put_folder(folder)

    def load(self, parts: Parts) -> Any:
        """See `Serializer`."""
        return parts.folder(self._load)


_users: list[Serializer] = []
_own: list[Serializer] = []


def register(
    kind: type[T], *, save: Callable[[T, Path], object], load: Callable[[Path], T]
) -> None:
    """Keep values of a class in files of your own.

    Args:
        kind: the class; subclasses are kept too.
        save: called with a value and an empty directory, into which it writes files.
        load: called with a directory of such files; gives the value.

    Raises:
        Conflict: the class has one already that does something else.

    Example:
        >>> register(
        ...     Mesh,
        ...     save=lambda mesh, folder: (folder / "mesh.obj").write_text(mesh.to_obj()),
        ...     load=lambda folder: Mesh.from_obj((folder / "mesh.obj").read_text()),
        ... )
    """
    fresh = _Simple(kind, save, load)
    for known in _users:
        if known.name == fresh.name and getattr(known, "_class", None) is kind:
            raise Conflict(f"{fresh.name} has a serializer already; register it once")
    _users[:] = [known for known in _users if known.name != fresh.name]
    _users.insert(0, fresh)


def add_own(*serializers: Serializer) -> None:
    """Add serializers of Epochal, in the order in which they are asked."""
    _own.extend(serializers)


def choose(value: Any) -> Serializer | None:
    """The serializer for a value that is not a tree of plain values; None when there is none."""
    for each in (*_users, *_own):
        if each.matches(value):
            return each
    return None


def find(name: str) -> Serializer:
    """The serializer of this name.

    Raises:
        NotFound: it is not registered in this process.
    """
    for each in (*_users, *_own):
        if each.name == name:
            return each
    raise NotFound(
        f"the value was kept by the serializer {name!r}, which this process does not have; "
        f"import the module that registers it"
    )


UNSAFE: Final = (
    "no safe serializer keeps a {kind}{detail}. Return plain values, arrays, tensors, modules or "
    "tables; or register(...) one for it; or, if a pickle is acceptable, which runs code when it "
    "is read, annotate the output: -> Annotated[{short}, pickled]"
)


def unsafe(value: Any, detail: str = "") -> InvalidInput:
    """The error for a value that nothing keeps."""
    kind = type(value)
    shown = f"{kind.__module__}.{kind.__qualname__}"
    return InvalidInput(UNSAFE.format(kind=shown, detail=detail, short=kind.__name__))
