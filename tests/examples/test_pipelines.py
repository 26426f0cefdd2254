"""The pipelines of `examples/pipelines` run as their users would, and are cached after."""

from __future__ import annotations

from pathlib import Path

import pytest

import epochal
from epochal.pipelines import get_runs
from tests.examples.test_examples import EXAMPLES, run_example

STEPS = {
    "image_classifier": ["importer", "trainer", "evaluator"],
    "tracked_by_mlflow": ["loader", "normalizer", "trainer", "evaluator"],
    "tuned_end_to_end": [
        "load_data", "measure_drift", "judge_drift", *(f"try_config[{i}]" for i in range(6)),
        "choose", "fit", "evaluate", "promote",
    ],
}  # fmt: skip


def test_every_pipeline_has_a_test_here() -> None:
    """A new example cannot stay untested."""
    names = {path.stem for path in (EXAMPLES / "pipelines").glob("*.py")}
    assert names == {*STEPS, "features_training_inference"}


@pytest.mark.parametrize("name", STEPS)
def test_a_pipeline_runs_with_the_steps_of_the_example_that_it_follows(
    name: str, home: Path, tmp_path: Path
) -> None:
    """Its model has learned; what MLflow's client logged is in a run; a second run is cached."""
    said = run_example(f"pipelines/{name}.py", home, tmp_path)
    assert float(said.split("accuracy ")[1].split()[0]) > 0.8
    (run,) = get_runs(name, home)
    assert list(run.steps) == STEPS[name]
    assert {each.state for each in run.steps.values()} == {"finished"}
    if name == "tracked_by_mlflow":
        logged = [each for each in epochal.runs(name, home=home) if "C" in each.config]
        assert [each.summary["train_accuracy"] > 0.9 for each in logged] == [True]
        return
    run_example(f"pipelines/{name}.py", home, tmp_path)
    assert {each.state for each in get_runs(name, home)[0].steps.values()} == {"cached"}


def test_features_are_made_once_and_the_better_model_predicts(home: Path, tmp_path: Path) -> None:
    said = run_example("pipelines/features_training_inference.py", home, tmp_path)
    assert [run.pipeline for run in get_runs(home=home)] == [
        "inference",
        "training",
        "training",
        "feature_engineering",
    ]
    scores = {
        run.id: run.step("evaluator").out.accuracy.load() for run in get_runs("training", home)
    }
    promoted = said.split("promoted ")[1].split(":")[0]
    assert scores[promoted] == max(scores.values()) > 0.9
    predicted = get_runs("inference", home)[0].step("predictor").output.load()
    assert set(predicted.tolist()) <= {0, 1}
