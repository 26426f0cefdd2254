"""A tracker for Hugging Face Accelerate.

Importing this module makes ``Accelerator(log_with="epochal")`` work, where Accelerate takes
trackers of others by name; everywhere an `EpochalTracker` can be given itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accelerate import tracking
from accelerate.state import PartialState

from epochal.client.plain import to_mapping, to_plain
from epochal.client.run import Run
from epochal.integrations.binding import Binding
from epochal.media import Image, Table


class EpochalTracker(tracking.GeneralTracker):  # type: ignore[misc,unused-ignore]
    """Records on the main process what `Accelerator.log` is given.

    Args:
        project: where the run belongs.
        arguments: of `epochal.init`.

    Example:
        >>> accelerator = Accelerator(log_with=EpochalTracker("mnist"))
    """

    name = "epochal"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self, project: str | None = None, **arguments: Any) -> None:
        super().__init__()
        self._binding = Binding({**arguments, "project": project})

    @property
    def tracker(self) -> Run:
        """The run."""
        return self._binding.run

    def start(self) -> None:
        """Start the run, or go on with the one that the user started."""
        if _is_main():
            _ = self.tracker

    def store_init_configuration(self, values: Any) -> None:
        """Put values into the config."""
        if _is_main():
            given = to_mapping(values, "config")
            self.tracker.config.update({key: to_plain(value) for key, value in given.items()})

    def log(self, values: Mapping[str, Any], step: int | None = None, **more: Any) -> None:
        """Record values at a step."""
        del more
        if _is_main():
            self.tracker.log(values, step=step)

    def log_images(
        self, values: Mapping[str, Sequence[Any]], step: int | None = None, **more: Any
    ) -> None:
        """Record lists of images; ``more`` goes to `epochal.Image`."""
        if _is_main():
            images = {key: [Image(one, **more) for one in many] for key, many in values.items()}
            self.tracker.log(images, step=step)

    def log_table(
        self,
        table_name: str,
        columns: Sequence[str] | None = None,
        data: Sequence[Sequence[Any]] | None = None,
        dataframe: Any = None,
        step: int | None = None,
        **more: Any,
    ) -> None:
        """Record a table."""
        del more
        if _is_main():
            self.tracker.log({table_name: Table(columns, data, dataframe=dataframe)}, step=step)

    def finish(self) -> None:
        """End the run."""
        if self._binding.live is not None:
            self._binding.live.finish()


def _is_main() -> bool:
    return bool(PartialState().is_main_process)


def register() -> None:
    """Make ``log_with="epochal"`` known, if this Accelerate can."""
    known = getattr(tracking, "LOGGER_TYPE_TO_CLASS", None)
    add = getattr(tracking, "register_tracker_class", None)
    if add is not None and (known is None or EpochalTracker.name not in known):
        add(EpochalTracker)


register()
