"""Gets at PyTorch and the other packages that only some models need.

Nothing here is loaded before a model asks for it, and what is missing is told by name.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from epochal.errors import InvalidInput, MissingExtra

OLDEST_TORCH = (2, 6)
"""``torch.load(weights_only=True)`` of older versions runs code all the same (CVE-2025-32434)."""

_OWN = {"torch": "PyTorch 2.6 or newer", "sklearn": "scikit-learn", "pandas": "pandas"}


def need(name: str, feature: str) -> Any:
    """Import a package.

    Args:
        name: of the module.
        feature: what the caller wanted to do, for the error.

    Raises:
        MissingExtra: a package of the extra ``models`` is missing.
        InvalidInput: PyTorch, scikit-learn or pandas is missing, or PyTorch is too old.
    """
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        root = name.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != root:
            raise
        if root in _OWN:
            raise InvalidInput(
                f"{feature} needs {_OWN[root]}, which is not installed; install it with pip"
            ) from None
        raise MissingExtra(feature, "models") from None
    if name == "torch":
        version = tuple(int(part) for part in module.__version__.split(".")[:2])
        if version < OLDEST_TORCH:
            raise InvalidInput(
                f"{feature} needs PyTorch 2.6 or newer, but {module.__version__} is installed; "
                f"older ones run code from files that claim to be weights"
            )
    return module


def loaded(name: str) -> Any | None:
    """The module when the process has imported it already, else None."""
    return sys.modules.get(name)


def is_tensor(value: object) -> bool:
    """Whether a value is a PyTorch tensor."""
    torch = loaded("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_array(value: object) -> bool:
    """Whether a value is a NumPy array or scalar."""
    numpy = loaded("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray | numpy.generic)


def is_frame(value: object) -> bool:
    """Whether a value is a pandas DataFrame."""
    pandas = loaded("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def is_series(value: object) -> bool:
    """Whether a value is a pandas Series."""
    pandas = loaded("pandas")
    return pandas is not None and isinstance(value, pandas.Series)


def check_device(device: object) -> None:
    """Validate where a PyTorch model shall go, when that is not the CPU.

    Raises:
        InvalidInput: there is no such device here.
    """
    if device == "cpu":
        return
    torch = need("torch", f"device={device!r}")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        first = str(error).partition("\n")[0]
        raise InvalidInput(
            f"device={device!r} cannot be used here ({first:.200}); load with device='cpu'"
        ) from None
