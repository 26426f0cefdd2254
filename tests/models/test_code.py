"""A model in a process that does not have its class."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from epochal.errors import NotFound
from epochal.models import load_model, save_model
from epochal.models.resolve import set_resolver
from epochal.models.snapshot import definitions

PARTS = """
import torch

class Scale(torch.nn.Module):
    def forward(self, x):
        return x * 2
"""
NET = """
import torch
from shapes.parts import Scale

class Net(torch.nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.width = width
        self.layer = torch.nn.Linear(width, 1)
        self.scale = Scale()
    def forward(self, x):
        return self.scale(self.layer(x))
"""
SAVE = """
import sys, torch
from epochal.models import save_model
from shapes.net import Net
example = torch.ones(2, 3) if sys.argv[2] == "program" else None
model = Net()
saved = save_model(model, sys.argv[1], input_example=example)
print(saved.digest, float(model(torch.ones(1, 3))))
"""
LOAD = """
import sys, json, torch
from epochal.errors import EpochalError
from epochal.models import load_model
try:
    model = load_model(sys.argv[1], trust=None if sys.argv[2] == "-" else sys.argv[2])
    answer = float(model.predict(torch.ones(1, 3)))
    print(json.dumps([type(model.torch()).__name__, answer]))
except EpochalError as error:
    print(json.dumps([error.code, str(error)]))
"""
SCRIPT = """
import sys
import torch
from epochal.models import save_model

WIDTH = 3

class Net(torch.nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.width = width
        self.layer = torch.nn.Linear(width, 1)

    def forward(self, x):
        return self.layer(x)

model = Net()
saved = save_model(model, sys.argv[1])
open(sys.argv[1] + ".ran", "a").write("x")
print(saved.digest, float(model(torch.ones(1, 3))))
"""


def python(code, *args, cwd):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


@pytest.fixture
def home(tmp_path):
    package = tmp_path / "theirs" / "shapes"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "net.py").write_text(NET)
    (package / "parts.py").write_text(PARTS)
    (tmp_path / "mine").mkdir()
    return tmp_path


def test_its_program_runs_without_the_class_and_without_trust(home):
    _, answer = python(SAVE, home / "m", "program", cwd=home / "theirs").split()
    kind, found = json.loads(python(LOAD, home / "m", "-", cwd=home / "mine"))
    assert kind == "GraphModule"
    assert found == pytest.approx(float(answer), rel=1e-5)


def test_its_code_runs_only_with_trust_in_exactly_this_model(home):
    digest, answer = python(SAVE, home / "m", "-", cwd=home / "theirs").split()
    code, text = json.loads(python(LOAD, home / "m", "-", cwd=home / "mine"))
    assert code == "untrusted_model"
    assert f"trust='sha256:{digest}'" in text
    assert "shapes.net:Net cannot be imported" in text
    found = json.loads(python(LOAD, home / "m", f"sha256:{digest}", cwd=home / "mine"))
    assert found == ["Net", pytest.approx(float(answer), rel=1e-5)]
    assert sorted(path.name for path in (home / "m" / "code").rglob("*.py")) == [
        "__init__.py",
        "net.py",
        "parts.py",
    ]


def test_of_a_script_only_the_definitions_are_kept_and_run(home):
    script = home / "theirs" / "train.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, home / "m"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    digest, answer = done.stdout.split()
    found = json.loads(python(LOAD, home / "m", f"sha256:{digest}", cwd=home / "mine"))
    assert found == ["Net", pytest.approx(float(answer), rel=1e-5)]
    assert (home / "m.ran").read_text() == "x"
    kept = (home / "m" / "code" / "script_train.py").read_text()
    assert "save_model(model" not in kept
    assert "WIDTH = 3" in kept


def test_definitions_keep_decorators_and_leave_calls_out():
    text = (
        "import os\nX = {'a': [1, -2]}\nY = os.getcwd()\n@property\ndef f():\n    return 1\nf()\n"
    )
    assert definitions(text) == (
        "import os\nX = {'a': [1, -2]}\n@property\ndef f():\n    return 1\n"
    )


def test_names_are_found_by_the_function_that_was_set(tmp_path):
    import torch

    save_model(torch.nn.Linear(2, 1), tmp_path / "m")
    for name in ("models:/net/3", "models:/net@best", "runs:/abc/model", "net:best", "a/b/net:v3"):
        with pytest.raises(NotFound):
            load_model(name)
    asked = []

    def find(name):
        asked.append(name)
        return tmp_path / "m"

    set_resolver(find)
    try:
        assert load_model("models:/net@best").kind == "torch"
    finally:
        set_resolver(None)
    assert asked == ["models:/net@best"]


def test_importing_models_loads_no_heavy_package():
    code = (
        "import sys, epochal.models; "
        "print(sorted({'torch', 'numpy', 'sklearn', 'pandas', 'onnx', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
