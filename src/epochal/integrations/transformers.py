"""A callback for Hugging Face's Trainer.

Importing this module makes ``TrainingArguments(report_to="epochal")`` work. Only the main process
of a training records. Numbers stand where W&B's callback puts them: ``train/...``, ``eval/...``,
``test/...`` at the global step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from transformers import TrainerCallback
from transformers.integrations import integration_utils

from epochal.client import guard
from epochal.client.artifact import Artifact
from epochal.client.plain import to_plain
from epochal.client.run import Run
from epochal.errors import InvalidInput
from epochal.integrations.binding import Binding

NAME: Final = "epochal"
_TOTALS: Final = frozenset(
    {
        "train_runtime",
        "train_samples_per_second",
        "train_steps_per_second",
        "train_loss",
        "total_flos",
    }
)
"""What the Trainer tells once, at the end: for the summary."""
_GROUPS: Final = (("eval_", "eval/"), ("test_", "test/"))


class EpochalCallback(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Records a Trainer's metrics, arguments and checkpoints in a run.

    Args:
        log_model: False; ``"end"``: the model when training ends becomes an artifact;
            ``"checkpoint"``: each checkpoint does.
        arguments: of `epochal.init`, such as ``project`` and ``tags``. The run is named after the
            ``run_name`` of the training's arguments, unless ``name`` is given.

    Raises:
        InvalidInput: ``log_model`` is none of the three.

    Example:
        >>> Trainer(model, args, callbacks=[EpochalCallback(project="glue")])
    """

    def __init__(self, log_model: bool | str = False, **arguments: Any) -> None:
        if log_model not in (False, "end", "checkpoint"):
            raise InvalidInput(f"log_model is False, 'end' or 'checkpoint', got {log_model!r:.80}")
        self._log_model = log_model
        self._arguments = arguments
        self._binding: Binding | None = None

    @property
    def run(self) -> Run | None:
        """The run, once training has begun."""
        return None if self._binding is None else self._binding.run

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Start the run; each trial of a search of hyperparameters gets its own."""
        del control
        if getattr(state, "is_hyper_param_search", False) and self._binding is not None:
            if self._binding.live is not None:
                self._binding.live.finish()
            self._binding = None
        self._started(args, state, more.get("model"))

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """End the training when somebody asked the run to stop."""
        del args, state, more
        live = None if self._binding is None else self._binding.live
        if live is not None and live.should_stop:
            control.should_training_stop = True

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **more: Any
    ) -> None:
        """Record values at the global step."""
        del control
        run = self._started(args, state, more.get("model"))
        if run is None:
            return
        totals = {key: value for key, value in logs.items() if key in _TOTALS}
        if totals:
            run.summary.update(totals)
        values = dict(_grouped(logs))
        if values:
            run.log(values, step=state.global_step)

    def on_predict(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any], **more: Any
    ) -> None:
        """Record the metrics of a prediction."""
        self.on_log(args, state, control, metrics, **more)

    def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Record a checkpoint."""
        del control
        run = self._started(args, state, more.get("model"))
        if run is not None and self._log_model == "checkpoint":
            path = os.path.join(args.output_dir, f"checkpoint-{state.global_step}")
            best = getattr(state, "best_model_checkpoint", None) == path
            self._log_directory(run, path, {"step": state.global_step}, ["best"] if best else [])

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Record the model; the run goes on, for evaluations."""
        del control
        model = more.get("model")
        run = self._started(args, state, model)
        if run is None or self._binding is None:
            return
        if self._log_model == "end" and model is not None:
            path = os.path.join(args.output_dir, "model")
            with guard.Shield("saving the model"):
                model.save_pretrained(path)
                tokenizer = more.get("processing_class")
                if tokenizer is not None:
                    tokenizer.save_pretrained(path)
                self._log_directory(run, path, {"step": state.global_step}, [])
        self._binding.rest()

    def _started(self, args: Any, state: Any, model: Any) -> Run | None:
        """The run; None on other processes than the main one."""
        if not state.is_world_process_zero:
            return None
        if self._binding is None:
            trial = getattr(state, "trial_name", None)
            given = {"name": trial or args.run_name, "group": args.run_name if trial else None}
            self._binding = Binding({**given, **self._arguments})
            with guard.Shield("recording the arguments of the training"):
                run = self._binding.run
                run.config.update(_config(args, model, getattr(state, "trial_params", None)))
        return self._binding.run

    def _log_directory(
        self, run: Run, path: str, metadata: dict[str, Any], aliases: list[str]
    ) -> None:
        with guard.Shield(f"logging {path}"):
            artifact = Artifact(f"model-{run.id}", "model", metadata=metadata)
            artifact.add_dir(path)
            run.log_artifact(artifact, aliases=aliases)


def _config(args: Any, model: Any, trial: Mapping[str, Any] | None) -> dict[str, Any]:
    """Arguments of the training, of the model, and how large it is."""
    found: dict[str, Any] = dict(args.to_sanitized_dict())
    inner = getattr(model, "config", None)
    if inner is not None:
        found["model"] = inner if isinstance(inner, dict) else inner.to_dict()
    peft = getattr(model, "peft_config", None)
    if peft is not None:
        found["peft"] = peft
    if hasattr(model, "num_parameters"):
        found["model_parameters"] = model.num_parameters()
    return {key: to_plain(value) for key, value in {**found, **(trial or {})}.items()}


def _grouped(logs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in logs.items():
        if key not in _TOTALS:
            group = next((new for old, new in _GROUPS if key.startswith(old)), None)
            yield (f"train/{key}" if group is None else f"{group}{key[5:]}"), value


def register() -> None:
    """Make ``report_to="epochal"`` known to the Trainer."""
    integration_utils.INTEGRATION_TO_CALLBACK[NAME] = EpochalCallback


register()
