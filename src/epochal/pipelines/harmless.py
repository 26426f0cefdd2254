"""Functions and classes that a stored value may name: what may be called is not up to a file.

A collate function or an activation comes back by its name, and is called later. So only the user's
own, and what layers and datasets are made of, may be named; ``os.system`` may not.
"""

from __future__ import annotations

from typing import Any, Final

from epochal.errors import InvalidInput
from epochal.pipelines.fingerprint import is_user
from epochal.pipelines.named import find, name_of

_PREFIXES: Final = (
    "torch.nn.",
    "torch.optim.",
    "torch.utils.data.",
    "torchvision.transforms",
    "torchvision.datasets",
)
_TYPES: Final = (int, float, str, bytes, bool, complex, list, tuple, dict, set, frozenset)


def harmless_name(target: Any) -> str:
    """The name of a function or class that a stored value may hold.

    Raises:
        InvalidInput: it has none, or may not be held.
    """
    name = name_of(target)
    if not _is_harmless(target):
        raise InvalidInput(
            f"{name} is of an installed package, and a stored value may not say what is called; "
            f"wrap it in a function of your own"
        )
    return name


def find_harmless(name: str) -> Any:
    """What `harmless_name` named.

    Raises:
        NotFound: it cannot be found.
        InvalidInput: it may not be held.
    """
    found = find(name)
    if not _is_harmless(found):
        raise InvalidInput(f"a stored value names {name}, which it may not; it is not read")
    return found


def _is_harmless(target: Any) -> bool:
    owner = str(getattr(target, "__module__", ""))
    return target in _TYPES or owner.startswith(_PREFIXES) or is_user(target)
