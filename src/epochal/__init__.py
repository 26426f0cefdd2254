"""Epochal: an experiment tracker and pipeline runner for PyTorch.

``import epochal`` loads msgspec and the standard library only; the reading API is loaded when it
is first used. W&B scripts run with ``import epochal as wandb``.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from epochal import errors
from epochal._version import __version__
from epochal.client import reach
from epochal.client.api import (
    alert,
    define_metric,
    finish,
    init,
    link_artifact,
    link_model,
    log,
    log_artifact,
    log_model,
    restore,
    save,
    unwatch,
    use_artifact,
    use_model,
    watch,
)
from epochal.client.credentials import login
from epochal.client.proxies import CurrentMapping, CurrentRun
from epochal.client.run import Run
from epochal.client.settings import Settings

if TYPE_CHECKING:
    from epochal.api import (
        artifact,
        artifacts,
        connect,
        model,
        projects,
        registered_models,
        runs,
    )
    from epochal.client.artifact import Artifact
    from epochal.media import (
        Audio,
        Histogram,
        Html,
        Image,
        Markdown,
        Object3D,
        Plotly,
        Table,
        Text,
        Video,
        plot,
    )
    from epochal.models import load_model
    from epochal.sweeps import agent, sweep

__all__ = [
    "Artifact",
    "Audio",
    "Histogram",
    "Html",
    "Image",
    "Markdown",
    "Object3D",
    "Plotly",
    "Run",
    "Settings",
    "Table",
    "Text",
    "Video",
    "__version__",
    "agent",
    "alert",
    "artifact",
    "artifacts",
    "config",
    "connect",
    "define_metric",
    "errors",
    "finish",
    "init",
    "link_artifact",
    "link_model",
    "load_model",
    "log",
    "log_artifact",
    "log_model",
    "login",
    "model",
    "plot",
    "projects",
    "registered_models",
    "restore",
    "run",
    "runs",
    "save",
    "summary",
    "sweep",
    "unwatch",
    "use_artifact",
    "use_model",
    "watch",
]

run: Final = CurrentRun()
config: Final = CurrentMapping("config")
summary: Final = CurrentMapping("summary")

_LATER: Final = {
    **dict.fromkeys(
        ("artifact", "artifacts", "connect", "model", "projects", "registered_models", "runs"),
        "epochal.api",
    ),
    **dict.fromkeys(
        ("Audio", "Histogram", "Html", "Image", "Markdown", "Object3D", "Plotly", "Table", "Text"),
        "epochal.media",
    ),
    "Video": "epochal.media",
    "Artifact": "epochal.client.artifact",
    "load_model": "epochal.models",
    "agent": "epochal.sweeps",
    "sweep": "epochal.sweeps",
}
"""Public names that are loaded when they are first used."""

reach.fill(
    reading=lambda: importlib.import_module("epochal.api.reading"),
    saving=lambda: importlib.import_module("epochal.models.log"),
    syncing=lambda: importlib.import_module("epochal.integrations.tensorboard"),
)


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    if name in ("api", "models", "sweeps"):
        return importlib.import_module(f"epochal.{name}")
    if name in ("load_ipython_extension", "unload_ipython_extension"):  # asked for by %load_ext
        return getattr(importlib.import_module("epochal.integrations.jupyter"), name)
    if name == "plot":
        return importlib.import_module("epochal.media.plot")
    raise AttributeError(f"epochal has no {name!r}; it offers {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)


class _Module(ModuleType):
    """Lets ``wandb.config = {...}``, which tutorials write.

    Set the config instead of replacing it.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name == "config" and value is not config:
            config.update(value)
            return
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        """A function that uses this module travels to other machines, as with any other."""
        return __import__, (__name__,)


sys.modules[__name__].__class__ = _Module
