"""The public face: its names, what importing costs, and that W&B tutorials run with it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import epochal
from epochal.domain.record import Attributes, Config, Console, Environment
from epochal.errors import RunStateError
from tests.client.scripts import read_home, run_script

Begin = Callable[..., epochal.Run]


def test_every_public_name_is_there_and_there_are_few() -> None:
    """At most 45: what W&B scripts call, and little of our own (docs/decisions/0009)."""
    assert len(epochal.__all__) == len(set(epochal.__all__)) <= 45
    assert all(getattr(epochal, name) is not None for name in epochal.__all__)
    assert set(dir(epochal)) == set(epochal.__all__)


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(AttributeError, match="epochal has no 'initt'; it offers"):
        _ = epochal.initt


def test_import_loads_msgspec_and_the_standard_library_only() -> None:
    """No torch, numpy, database or web package, and none of our own server side (F40)."""
    source = """
    import sys
    before = set(sys.modules)
    import epochal
    print(*sorted(set(sys.modules) - before))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    foreign = (
        {m.partition(".")[0] for m in loaded} - sys.stdlib_module_names - {"epochal", "msgspec"}
    )
    assert {name for name in foreign if not name.startswith("_")} <= {"typing_extensions"}
    ours = {m.split(".")[1] for m in loaded if m.startswith("epochal.")}
    assert ours == {"_version", "client", "domain", "errors", "journal"}
    assert "http.client" not in loaded
    assert "epochal.client.capture.redact" not in loaded


def test_a_run_that_is_not_captured_loads_no_capture(home: Path) -> None:
    source = """
    import sys
    with epochal.init(project="x", settings=dict(QUIET, redact=False)) as run: run.log({"a": 1})
    foreign = ("torch", "numpy", "psutil", "http.client")
    print([m for m in sys.modules if "capture." in m or m in foreign])
    """
    assert run_script(source, home).stdout == "[]\n"


def test_the_current_run_is_false_before_and_after(begin: Begin) -> None:
    assert not epochal.run
    assert epochal.run == None  # noqa: E711 - what W&B scripts ask in another spelling
    run = begin()
    assert epochal.run
    assert epochal.run == run
    assert epochal.run.id == run.id
    epochal.run.name = "renamed"
    assert run.name == "renamed"
    assert repr(run.id) in repr(run.id)
    run.finish()
    assert not epochal.run
    with pytest.raises(RunStateError, match=r"epochal.init\(\)"):
        _ = epochal.run.name
    assert repr(epochal.run) == "<no current run>"


def test_attributes_can_be_set_and_are_recorded(begin: Begin, home: Path) -> None:
    run = begin(name="n", tags=["a", "a", "b"], notes="hello", group="g", job_type="train")
    assert (run.name, run.tags, run.notes, run.group, run.job_type) == (
        "n",
        ("a", "b"),
        "hello",
        "g",
        "train",
    )
    run.tags += ("c",)
    run.notes = "later"
    run.name = "m"
    with pytest.raises(epochal.errors.InvalidInput):
        run.name = "\x00"
    run.finish()
    (told,) = read_home(home)
    changes: dict[str, object] = {}
    for fact in told.all(Attributes):
        changes.update(fact.changes)
    assert changes == {
        "name": "m", "tags": ["a", "b", "c"], "notes": "later", "group": "g", "job_type": "train",
    }  # fmt: skip


def test_a_readable_name_is_made_up(begin: Begin) -> None:
    first = begin()
    manner, place, number = first.name.split("-")
    assert manner.isalpha()
    assert place.isalpha()
    assert number == "1"
    first.finish()
    assert begin().name.endswith("-2")


def test_seeds_of_the_user_do_not_move_names_and_ids(home: Path) -> None:
    """Two seeded scripts get two runs."""
    source = """
    import random; random.seed(0)
    run = epochal.init(project="seed", settings=QUIET)
    print(run.id, run.name, random.random())
    """
    first, second = (run_script(source, home).stdout.split() for _ in range(2))
    assert first[0] != second[0]
    assert first[2] == second[2]


def test_disabled_does_nothing_and_breaks_nothing(home: Path) -> None:
    source = """
    run = epochal.init(project="off", mode="disabled", config={"lr": 0.1})
    for i in range(10): epochal.log({"a": i})
    run.define_metric("a", summary="max"); run.alert("x"); run.summary["b"] = 1
    assert (run.config.lr, run.summary["a"], run.step) == (0.1, 9, 10)
    assert (run.dir, run.url) == (None, None)
    assert run.flush()
    run.finish()
    """
    done = run_script(source, home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.iterdir()) == []
    off = run_script("epochal.init(project='off').log({'a': 1})", home, EPOCHAL_MODE="disabled")
    assert (off.returncode, off.stderr) == (0, "")
    assert list(home.iterdir()) == []


def test_environment_variables_choose_project_entity_and_id(home: Path) -> None:
    source = "run = epochal.init(settings=QUIET); print(run.entity, run.project, run.id)"
    done = run_script(
        source, home, EPOCHAL_PROJECT="p1", EPOCHAL_ENTITY="e1", EPOCHAL_RUN_ID="id1"
    )
    assert done.stdout == "e1 p1 id1\n"


TUTORIAL = """
import math
import random

import epochal as wandb

wandb.login()
config = dict(epochs=5, classes=10, kernels=[16, 32], batch_size=128, learning_rate=0.005)

def train(config):
    example_ct = 0
    for epoch in range(config.epochs):
        for batch in range(20):
            example_ct += config.batch_size
            loss = math.exp(-epoch) + random.random() / 10
            if batch % 5 == 0:
                wandb.log({"epoch": epoch, "loss": loss}, step=example_ct)
                print(f"Loss after {str(example_ct).zfill(5)} examples: {loss:.3f}")

def pipeline(hyperparameters):
    settings = wandb.Settings(start_method="thread")
    with wandb.init(project="pytorch-demo", config=hyperparameters, settings=settings):
        config = wandb.config
        wandb.define_metric("loss", summary="min")
        train(config)
        wandb.log({"test_accuracy": 0.98})
        wandb.run.summary["best"] = 1
        return wandb.run.name

print("name:", pipeline(config))

wandb.init(project="new-sota-model")
wandb.config = {"learning_rate": 0.001, "epochs": 100, "batch_size": 128}
wandb.log({"loss": 0.5})
wandb.finish()
"""


def test_a_wandb_tutorial_runs_unchanged(home: Path, tmp_path: Path) -> None:
    """With everything captured, the output is the script's own."""
    script = tmp_path / "tutorial.py"
    script.write_text(TUTORIAL)
    done = run_script(f"import runpy; runpy.run_path({str(script)!r})", home)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert done.stdout.startswith("Loss after 00128 examples: ")
    first, second = read_home(home)
    assert first.header.project == "pytorch-demo"
    assert first.all(Config)[0].changes["kernels"] == [16, 32]
    assert len(first.points("loss")) == 20
    assert first.points("test_accuracy") == [(first.points("loss")[-1][0], 0.98)]
    lines = [line for fact in first.all(Console) for line in fact.lines]
    assert lines[0].startswith("Loss after 00128 examples: ")
    surroundings: dict[str, object] = {}
    for fact in first.all(Environment):
        surroundings.update(fact.facts)
    assert surroundings["python"] == sys.version.split()[0]
    assert second.all(Config)[0].changes == {
        "learning_rate": 0.001,
        "epochs": 100,
        "batch_size": 128,
    }
    assert second.finish is not None
