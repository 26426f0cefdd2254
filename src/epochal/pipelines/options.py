"""What a step or pipeline may be told about how it runs, checked when it is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from epochal.domain.names import check_name
from epochal.errors import InvalidInput
from epochal.pipelines.fingerprint import PINS

EXECUTORS: Final = ("thread", "process", "ray", "slurm")
HERE: Final = ("thread", "process")
"""The executors whose steps take what this machine has."""
ON_ERROR: Final = ("fail_fast", "stop", "continue")
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?")
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class StepOptions(msgspec.Struct, frozen=True):
    """How a step runs. None means: as the pipeline says, else the default.

    Attributes:
        name: of the step in its pipeline; the function's by default.
        cache: whether a finished run with the same key stands for this one; ``"strict"`` refuses
            to start a step whose code holds something that cannot be compared.
        retries: how often a failed step is tried again.
        retry_delay: seconds before the first retry; doubles each time, with some chance.
        retry_on: only these exceptions are worth a retry.
        timeout: seconds after which an attempt is killed; makes the step run in a process.
        resources: tokens that it holds while it runs, such as ``{"gpu": 1}``.
        executor: ``thread``, ``process``, ``ray`` or ``slurm``.
        deps: files, directories, functions, classes and modules that the key shall see.
        env: names of environment variables that the key shall see.
        version: text that the key shall see.
        pin: which part of package versions the key sees: ``exact``, ``minor`` or ``off``.
        tracker: another tracker that the step logs to: ``wandb``, ``mlflow``, ``tensorboard``,
            a registered name, or True for that of the stack.
        after: futures that must be done first.
        on_success: called with the `StepContext` when the step finished.
        on_failure: called with the `StepContext` and the exception when an attempt failed.
    """

    name: str | None = None
    cache: bool | str | None = None
    retries: int = 0
    retry_delay: float = 1.0
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    timeout: float | None = None
    resources: dict[str, float] = {}
    executor: str | None = None
    deps: tuple[Any, ...] = ()
    env: tuple[str, ...] = ()
    version: str = ""
    pin: str = "exact"
    tracker: str | bool | None = None
    after: tuple[Any, ...] = ()
    on_success: Callable[..., object] | None = None
    on_failure: Callable[..., object] | None = None

    def place(self, default: str) -> str:
        """The executor: its own, else that of the pipeline; one that can kill when it has to."""
        chosen = self.executor or default
        return "process" if chosen == "thread" and self.timeout is not None else chosen


class PipelineOptions(msgspec.Struct, frozen=True):
    """How a pipeline runs.

    Attributes:
        name: of the pipeline, and of the project of its runs.
        cache: default for its steps.
        on_error: after a failed step: ``fail_fast`` ends what can be ended, ``stop`` lets running
            steps finish, ``continue`` also starts those that do not need the failed one.
        parallel: how many steps run at the same time.
        resources: how many tokens of each kind there are.
        executor: default for its steps; the orchestrator of the stack when it is None.
        stack: where they run; the one in use when it is None.
        config: parameters, as a mapping or the path of a YAML, TOML or JSON file.
        tags: of its runs.
        listed: whether ``epochal pipeline ls`` and the page show its runs unasked; the others get
            the tag ``unlisted``.
    """

    name: str | None = None
    cache: bool | str = True
    on_error: str = "fail_fast"
    parallel: int = 0
    resources: dict[str, float] = {}
    executor: str | None = None
    stack: str | None = None
    config: Any = None
    tags: tuple[str, ...] = ()
    listed: bool = True


def read_step_options(base: StepOptions, given: Mapping[str, Any]) -> StepOptions:
    """Options with some of them changed.

    Raises:
        InvalidInput: there is no such option, or its value cannot be.
    """
    changed: StepOptions = _change(base, given, "step", _STEP)
    if changed.timeout is not None and changed.executor == "thread":
        raise InvalidInput(
            "timeout= needs executor='process': a thread cannot be ended from outside; leave "
            "executor out"
        )
    return changed


def read_pipeline_options(base: PipelineOptions, given: Mapping[str, Any]) -> PipelineOptions:
    """Options with some of them changed.

    Raises:
        InvalidInput: there is no such option, or its value cannot be.
    """
    changed: PipelineOptions = _change(base, given, "pipeline", _PIPELINE)
    return changed


def _change(
    base: Any, given: Mapping[str, Any], what: str, checks: Mapping[str, Callable[[str, Any], Any]]
) -> Any:
    changes = {}
    for name, value in given.items():
        if name not in base.__struct_fields__:
            known = ", ".join(base.__struct_fields__)
            raise InvalidInput(f"a {what} has no option {name!r}; it has {known}")
        changes[name] = value if value is None else checks.get(name, _any)(name, value)
    return msgspec.structs.replace(base, **changes)


def read_seconds(name: str, value: Any) -> float:
    """Seconds from a number or a text such as ``"2h"``.

    Raises:
        InvalidInput: it is neither, or not positive.
    """
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        raise InvalidInput(
            f"{name} is seconds, or a text such as '90s', '5m', '2h', got {value!r}"
        )
    return float(seconds)


def _any(name: str, value: Any) -> Any:
    del name
    return value


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput(f"{name} is a whole number from 0 on, got {value!r:.80}")
    return value


def _cache(name: str, value: Any) -> bool | str:
    if isinstance(value, bool):
        return value
    if value == "strict":
        return "strict"
    raise InvalidInput(f"{name} is True, False or 'strict', got {value!r:.80}")


def _word(*words: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value in words:
            return str(value)
        raise InvalidInput(f"{name} is one of {', '.join(map(repr, words))}, got {value!r:.80}")

    return check


def _name(name: str, value: Any) -> str:
    return check_name(value, name)


def _tracker(name: str, value: Any) -> str | bool | None:
    return (value or None) if isinstance(value, bool) else check_name(value, name)


def _many(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, str | bytes) or not isinstance(value, list | tuple | set):
        return (value,)
    del name
    return tuple(value)


def _tokens(name: str, value: Any) -> dict[str, float]:
    fine = isinstance(value, Mapping) and all(
        isinstance(key, str) and isinstance(count, int | float) and count >= 0
        for key, count in value.items()
    )
    if not fine:
        raise InvalidInput(f"{name} look like {{'gpu': 1}}, got {value!r:.80}")
    return dict(value)


_STEP: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "name": _name,
    "cache": _cache,
    "retries": _count,
    "retry_delay": read_seconds,
    "retry_on": _many,
    "timeout": read_seconds,
    "resources": _tokens,
    "executor": _word(*EXECUTORS),
    "deps": _many,
    "env": _many,
    "pin": _word(*PINS),
    "after": _many,
    "tracker": _tracker,
}
_PIPELINE: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "name": _name,
    "cache": _cache,
    "on_error": _word(*ON_ERROR),
    "parallel": _count,
    "resources": _tokens,
    "executor": _word(*EXECUTORS),
    "stack": _name,
    "tags": _many,
}
