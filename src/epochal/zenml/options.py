"""ZenML's options for steps and pipelines in the words of Epochal.

What means nothing here (materializers, image builders, Docker settings) is accepted and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from epochal.client import guard
from epochal.errors import InvalidInput
from epochal.pipelines import pipeline as our_pipeline
from epochal.pipelines import step as our_step

STEP_WORDS: Final[Mapping[str, str]] = {
    "enable_cache": "cache",
    "experiment_tracker": "tracker",
    "name": "name",
    "on_failure": "on_failure",
    "on_success": "on_success",
}
PIPELINE_WORDS: Final[Mapping[str, str]] = {
    "enable_cache": "cache",
    "name": "name",
    "tags": "tags",
    "execution_mode": "on_error",
}
MODES: Final[Mapping[str, str]] = {
    "fail_fast": "fail_fast",
    "stop_on_failure": "stop",
    "continue_on_failure": "continue",
}
LEFT_OUT: Final = frozenset(
    {
        "enable_artifact_metadata", "enable_artifact_visualization", "enable_step_logs",
        "enable_pipeline_logs", "output_materializers", "settings", "extra", "model",
        "step_operator", "substitutions", "docker_settings", "requirements",
        "required_integrations", "dockerignore_file", "secrets", "environment", "on_init",
        "on_cleanup",
    }
)  # fmt: skip


def translate(given: Mapping[str, Any], words: Mapping[str, str], what: str) -> dict[str, Any]:
    """Our options for ZenML's.

    Raises:
        InvalidInput: an option is neither ours nor ZenML's.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name == "retry":
            found |= _retries(value)
        elif name in words:
            found[words[name]] = (
                MODES.get(str(value), value) if name == "execution_mode" else value
            )
        elif name not in LEFT_OUT:
            raise InvalidInput(f"a {what} has no option {name!r}; it has {', '.join(words)}")
    return found


def _retries(value: Any) -> dict[str, Any]:
    """`StepRetryConfig` or a mapping like it."""
    config = value if isinstance(value, Mapping) else vars(value)
    return {
        "retries": int(config.get("max_retries", 1)),
        "retry_delay": float(config.get("delay", 0)),
    }


def step(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """`epochal.pipelines.step` with ZenML's options."""
    made = our_step(**translate(options, STEP_WORDS, "step"))
    return made if function is None else made(function)


def pipeline(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """`epochal.pipelines.pipeline` with ZenML's options."""
    if options.pop("dynamic", None) is not None:
        guard.warn_once("zenml dynamic", "every pipeline of Epochal is dynamic; leave it out")
    made = our_pipeline(**translate(options, PIPELINE_WORDS, "pipeline"))
    return made if function is None else made(function)
