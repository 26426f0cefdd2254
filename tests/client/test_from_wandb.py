"""``import epochal as wandb``: what docs/from-wandb.md promises, and nothing else, is there."""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import epochal
from epochal.domain.record import Config, Header, Media
from tests.client.scripts import read_home, run_script

PAGE = Path(__file__).parents[2] / "docs" / "from-wandb.md"
BEYOND = {"Artifact", "Settings", "alert", "errors", "login", "plot", "restore", "run"}
"""Names that wandb's guides use and its ``__all__`` leaves out."""


def table(heading: str) -> dict[str, bool]:
    """A table of the page: whether each name of wandb's is here."""
    _, _, rest = PAGE.read_text().partition(f"## {heading}\n")
    section = rest.partition("\n## ")[0]
    found = re.findall(r"^\| `(\w+)` \| (yes|no) \|", section, re.MULTILINE)
    assert len(found) == section.count("\n| `")
    return {name: word == "yes" for name, word in found}


NAMES = """
import inspect, json, wandb
print(json.dumps({"module": wandb.__all__, "beyond": dir(wandb), "run": dir(wandb.Run),
                  "init": list(inspect.signature(wandb.init).parameters)}))
"""


@pytest.fixture(scope="module")
def wandb() -> dict[str, set[str]]:
    """The names of the real client, where it is installed."""
    if importlib.util.find_spec("wandb") is None:
        pytest.skip("wandb is not installed")
    done = subprocess.run([sys.executable, "-c", NAMES], capture_output=True, check=True)
    return {what: set(names) for what, names in json.loads(done.stdout).items()}


def test_the_names_of_the_module(wandb: dict[str, set[str]]) -> None:
    """Every public name of wandb's stands in the table, and those of a yes are here."""
    told = table("The module")
    assert set(told) == wandb["module"] | BEYOND
    assert wandb["beyond"] >= BEYOND
    assert {name for name in told if hasattr(epochal, name)} == {n for n in told if told[n]}


def test_the_arguments_of_init(wandb: dict[str, set[str]]) -> None:
    told = table("Arguments of `init`")
    ours = inspect.signature(epochal.init).parameters
    assert set(told) == wandb["init"]
    assert {name for name in told if name in ours} == {name for name in told if told[name]}


def test_the_names_of_a_run(wandb: dict[str, set[str]]) -> None:
    told = table("A run")
    assert set(told) == {name for name in wandb["run"] if name[0] != "_"}
    run = epochal.init(project="names", mode="disabled")
    assert {name for name in told if hasattr(run, name)} == {name for name in told if told[name]}
    run.finish()


def test_a_name_that_is_not_here_says_what_is() -> None:
    with pytest.raises(AttributeError, match=r"it offers .*Artifact"):
        epochal.Molecule  # noqa: B018


TUTORIAL = """
import torch
import epochal as wandb

wandb.login()
hyperparameters = dict(epochs=2, batch_size=8, learning_rate=0.005)

def train(model, criterion, optimizer, config):
    wandb.watch(model, criterion, log="all", log_freq=2)
    example_ct = 0
    for epoch in range(config.epochs):
        for _ in range(4):
            inputs = torch.randn(config.batch_size, 4)
            loss = criterion(model(inputs), torch.zeros(config.batch_size, dtype=torch.long))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            example_ct += config.batch_size
            wandb.log({"epoch": epoch, "loss": loss}, step=example_ct)

with wandb.init(project="pytorch-demo", config=hyperparameters):
    config = wandb.config
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    train(model, torch.nn.CrossEntropyLoss(), optimizer, config)
    wandb.log({"test_accuracy": 0.5})
    torch.save(model.state_dict(), "model.onnx")
    wandb.save("model.onnx")

wandb.init(project="ml-monitoring-with-wandb", entity="alvarobartt")
wandb.log({"train_loss": 0.5, "val_acc": 0.25})
wandb.finish()
"""


def test_the_calls_of_the_tutorials_run(home: Path, tmp_path: Path) -> None:
    """watch, log with steps, save, and the entity of somebody; the output is the script's own."""
    pytest.importorskip("torch")
    script = tmp_path / "tutorial.py"
    script.write_text(TUTORIAL)
    done = run_script(
        f"import os, runpy; os.chdir({str(tmp_path)!r}); runpy.run_path({str(script)!r})",
        home, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "Warning" not in done.stderr
    first, second = read_home(home)
    assert first.all(Config)[0].changes["learning_rate"] == 0.005
    assert [step for step, _ in first.points("loss")] == [8 * n for n in range(1, 9)]
    assert first.points("test_accuracy") == [(64, 0.5)]
    assert any(fact.key.startswith("gradients/") for fact in first.all(Media))
    header: Header = second.header
    assert (header.project, header.entity) == ("ml-monitoring-with-wandb", "alvarobartt")
