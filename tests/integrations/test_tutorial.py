"""A public guide of 2021 that monitors a Lightning CNN, on today's Lightning and made-up images.

It runs with four changed lines, which Lightning and torchmetrics ask for whatever the logger is
(docs/lightning.md): with wandb's own client and logger, which `epochal run` points here, and with
Epochal's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import epochal
from epochal.api import connect

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

HERE = Path(__file__).parent
CHANGES = {
    "from pytorch_lightning.metrics.functional import accuracy": (
        "from torchmetrics.functional import accuracy"
    ),
    "super(SimpleNet, self).__init__()": "super().__init__()",
    "accuracy(preds, y)": 'accuracy(preds, y, task="multiclass", num_classes=10)',
    "pl.Trainer(gpus=1, progress_bar_refresh_rate=10, max_epochs=10,": (
        "pl.Trainer(accelerator='auto', devices=1, max_epochs=10,"
    ),
}
"""The lines that today's Lightning does not take, and what stands there instead."""
OURS = {
    "import wandb": "import epochal as wandb",
    "from pytorch_lightning.loggers import WandbLogger": (
        "from epochal.integrations.lightning import EpochalLogger as WandbLogger"
    ),
}
"""What leaves wandb out."""
IMAGES = """
import torch
from torch.utils.data import DataLoader, TensorDataset
images = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
dataset = TensorDataset(images, torch.arange(16) % 10)
train_loader = val_loader = DataLoader(dataset, batch_size=2)
"""


def guide(changes: dict[str, str], *, without: Collection[str] = ()) -> str:
    """The guide as a script, each change made exactly once."""
    found = re.findall(
        r"^```python\n(.*?)^```$", (HERE / "guide.md").read_text(), re.DOTALL | re.MULTILINE
    )
    network, init, trainer = found
    text = f"{network}\nmodel = SimpsonsNet()\n{init}\n{trainer}"
    for before, after in changes.items():
        if before not in without:
            assert text.count(before) == 1, before
            text = text.replace(before, after)
    return text


def loader() -> DataLoader[Any]:
    images = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(images, torch.arange(16) % 10), batch_size=2)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than so small a network."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        pytest.param(line, error, id=error.__name__ + str(number))
        for number, (line, error) in enumerate(
            zip(CHANGES, (ImportError, NameError, TypeError, TypeError), strict=True)
        )
    ],
)
def test_the_guide_needs_each_of_the_four_lines(
    line: str, error: type[Exception], home: Path
) -> None:
    """Without one of them Lightning refuses the guide, whoever logs."""
    text = guide({**CHANGES, **OURS}, without={line})
    space: dict[str, Any] = {"train_loader": loader(), "val_loader": loader()}
    with pytest.raises(error):
        exec(compile(text, "guide.py", "exec"), space)


def test_the_guide_runs_with_a_bare_logger_of_ours(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`init(project=, entity=)`, then a logger without arguments; images and a matrix beside."""
    space: dict[str, Any] = {"train_loader": loader(), "val_loader": loader()}
    exec(compile(guide({**CHANGES, **OURS}), "guide.py", "exec"), space)
    space["trainer"].test(space["model"], loader(), verbose=False)
    images, labels = loader().dataset[:]
    guesses = space["model"](images).argmax(1).numpy()
    run = epochal.run
    run.log({"dataset": [epochal.Image(image.numpy().transpose(1, 2, 0)) for image in images[:4]]})
    matrix = epochal.plot.confusion_matrix(y_true=labels.numpy(), preds=guesses)
    run.log({"confusion": matrix})
    epochal.finish()
    (found,) = epochal.runs("alvarobartt/ml-monitoring-with-wandb")
    assert found.state == "finished"
    assert found.series("train_loss").step.tolist() == [49]
    assert found.series("val_acc").step.tolist() == [8 * epoch - 1 for epoch in range(1, 11)]
    assert found.series("test_acc").step.tolist() == [80]
    assert np.isfinite(found.series("val_loss").value).all()
    assert found.series("epoch").value.tolist()[-1] == 10.0
    keys = {media.key for media in found.media_keys()}
    assert keys == {"dataset", "confusion", "model/graph"}


def test_the_guide_runs_with_wandbs_own_client_and_logger(home: Path, tmp_path: Path) -> None:
    """`epochal run` points them at the home; the guide knows nothing of Epochal."""
    script = tmp_path / "guide.py"
    script.write_text(IMAGES + guide(CHANGES))
    done = subprocess.run(
        [sys.executable, "-m", "epochal", "run", "--", sys.executable, str(script)],
        env={
            **os.environ,
            "EPOCHAL_HOME": str(home),
            "HOME": str(tmp_path),
            "OMP_NUM_THREADS": "1",
            "WANDB_SILENT": "true",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = connect(home=home).runs("alvarobartt/ml-monitoring-with-wandb")
    assert run.state == "finished"
    assert run.series("train_loss").value.size == 1
    assert run.series("trainer/global_step").value.tolist()[-1] == 79.0
    assert len(run.series("val_acc")) == 10
