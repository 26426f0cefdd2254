"""The code of a guide of 2022 runs: only ``zenml`` becomes ``epochal.zenml`` in its imports.

On the real Fashion-MNIST where this machine has it, else on scikit-learn's digits in the same
form; a small part of it, as five epochs of all of it take minutes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import epochal
from epochal.errors import NotFound
from epochal.journal.home import find_home
from epochal.pipelines import get_runs, pipeline, step
from epochal.pipelines.components import TRACKER, register

HERE = Path(__file__).parent
PIPELINE = "pytorch_experiment_tracking_pipeline"
IMAGES = 256


def guide(*titles: str) -> str:
    """Blocks of the guide as one script, with its imports changed."""
    found = re.findall(
        r"^## (.*?)\n\n```python\n(.*?)^```$",
        (HERE / "guide.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    blocks = dict(found)
    text = "\n".join(blocks[title] for title in titles)
    return re.sub(r"^(from|import) zenml\b", r"\1 epochal.zenml", text, flags=re.MULTILINE)


def run_script(text: str, folder: Path, images: Path) -> str:
    """Run a script as a user would; what it printed."""
    script = folder / "guide.py"
    script.write_text(text)
    environment = {
        **os.environ,
        "IMAGES": str(images),
        "IMAGES_LIMIT": str(IMAGES),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(HERE.parent / "stand_ins"),
    }
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_guide_runs_and_every_step_is_tracked(tmp_path: Path, images: Path) -> None:
    """Loaders, model and trained model are artifacts; prints are the step's log."""
    text = guide("pipeline", "data", "model", "train", "run")
    out = run_script(text, tmp_path, images)
    assert "Final test accuracy:" in out
    assert get_runs() == []  # it ran with unlisted=True
    (run,) = get_runs(PIPELINE, unlisted=True)
    assert {name: each.state for name, each in run.steps.items()} == {
        "load_data": "finished",
        "load_model": "finished",
        "train_test": "finished",
    }
    assert sorted(each.name for each in epochal.artifacts(PIPELINE)) == [
        "load_model.output",
        "test_acc",
        "test_dataloader",
        "train_dataloader",
        "trained_model",
    ]
    tracked = {each.name: each for each in epochal.runs(PIPELINE)}
    lines = list(tracked["train_test"].logs())
    assert lines.count("-------------------------------") == 5
    assert "Done!" in lines
    assert run.step("train_test").out.test_acc.load() > 0


def test_a_cached_run_of_the_guide_trains_nothing_and_an_edited_loop_trains_again(
    tmp_path: Path, images: Path
) -> None:
    """The training loop is in helpers of the step, which ZenML's cache does not see."""
    text = guide("pipeline", "data", "model", "train", "run")
    text = text.replace("enable_cache=False", "enable_cache=True").replace(
        "epochs = 5", "epochs = 1"
    )
    run_script(text, tmp_path, images)
    assert "Epoch 1" not in run_script(text, tmp_path, images)
    edited = text.replace("loss.backward()", "(2 * loss).backward()")
    assert edited != text
    assert "Epoch 1" in run_script(edited, tmp_path, images)
    newest = get_runs(PIPELINE, unlisted=True)[0]
    assert {name: each.state for name, each in newest.steps.items()} == {
        "load_data": "cached",
        "load_model": "cached",
        "train_test": "finished",
    }
    assert "function guide:train changed" in newest.why_ran("train_test")


def test_the_guide_with_tensorboard_shows_its_scalars_in_the_run(
    tmp_path: Path, images: Path
) -> None:
    """The writer is never closed; all its points are there, and the guide is told where."""
    text = guide("pipeline", "data", "model", "train with TensorBoard", "run and visualize")
    out = run_script(text, tmp_path, images)
    assert "what 'train_test' wrote is in run" in out
    tracked = {each.name: each for each in epochal.runs(PIPELINE)}
    history = tracked["train_test"].history(["Loss/test"])
    assert len([row for row in history if row.get("Loss/test") is not None]) == 5
    wanted = {"Loss/train", "Accuracy/train", "Accuracy/test"}
    assert wanted <= set(tracked["train_test"].summary)


def test_where_mlflow_finds_the_runs_is_told(tmp_path: Path, images: Path) -> None:
    assert run_script(guide("tracking URI"), tmp_path, images).strip() == "http://127.0.0.1:7557"


def test_the_guide_with_wandb_logs_through_the_real_client(tmp_path: Path, images: Path) -> None:
    """``wandb.log`` works in the step without ``init``; the run is in the pipeline's project."""
    pytest.importorskip("wandb")
    register(find_home(), TRACKER, "wandb_tracker", "wandb", {})
    run_script(
        guide("pipeline", "data", "model", "train with W&B", "run with W&B"), tmp_path, images
    )
    (run,) = get_runs(PIPELINE, unlisted=True)
    tracked = {each.name: each for each in epochal.runs(PIPELINE)}
    theirs = tracked[f"{run.id}_train_test"]
    assert (theirs.state, theirs.group) == ("finished", run.id)
    assert theirs.summary["epochs"] == 5
    assert "Test Accuracy" in theirs.summary
    assert tracked["train_test"].summary["wandb/run"] == theirs.id


def test_the_guide_with_mlflow_logs_through_the_real_client(tmp_path: Path, images: Path) -> None:
    """``mlflow.pytorch.log_model(model, "model")`` included, which today's client refuses."""
    pytest.importorskip("mlflow")
    register(find_home(), TRACKER, "mlflow_tracker", "mlflow", {})
    text = guide("pipeline", "data", "model", "train with MLflow", "run with MLflow")
    run_script(text, tmp_path, images)
    (run,) = get_runs(PIPELINE, unlisted=True)
    tracked = {each.name: each for each in epochal.runs(PIPELINE)}
    theirs = tracked[f"{run.id}_train_test"]
    assert theirs.state == "finished"
    assert len(list(theirs.history(["Loss/test"]))) >= 1
    assert any(file.path.endswith("model.pth") for file in theirs.files())


def test_a_tracker_that_is_not_registered_is_refused_before_the_step_runs() -> None:
    @step(tracker="nowhere")
    def one() -> int:
        return 1

    @pipeline
    def flow() -> None:
        one()

    with pytest.raises(NotFound, match="there is no experiment tracker 'nowhere'"):
        flow()


def test_a_tracker_that_fails_does_not_fail_the_step() -> None:
    """Here its server is not there; the step runs on without it."""
    register(find_home(), TRACKER, "gone", "mlflow", {"tracking_uri": "unknown://nothing"})

    @step(tracker="gone")
    def one() -> int:
        return 1

    @pipeline
    def flow() -> None:
        one()

    with pytest.warns(UserWarning, match="the tracker 'gone' of step 'one' failed"):
        assert flow().step("one").output.load() == 1
