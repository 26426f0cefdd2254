"""The real MLflow loads what we save, and we load what it saves."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy
import pandas
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from epochal.errors import UntrustedModel
from epochal.models import load_model, save_model
from tests.models.nets import LazyCNN, ResNet

pytest.importorskip("mlflow.pyfunc", reason="mlflow-skinny is not installed")
pytestmark = pytest.mark.slow

PREDICT = """
import json, sys, numpy, mlflow
answers = {}
for name in sys.argv[2:]:
    model = mlflow.pyfunc.load_model(f"{sys.argv[1]}/{name}")
    x = numpy.load(f"{sys.argv[1]}/{name}.npy")
    found = model.predict(x)
    wrong = ""
    try:
        model.predict(x[..., :1])
    except mlflow.exceptions.MlflowException as error:
        wrong = str(error)
    answers[name] = [type(found).__name__, found.tolist(), wrong]
print(json.dumps(answers))
"""

SAVE = """
import sys, numpy, torch, mlflow
from mlflow.models import infer_signature
x = numpy.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
y = model(torch.from_numpy(x)).detach().numpy()
signature = infer_signature(x, y)
root = sys.argv[1]
numpy.save(f"{root}/x.npy", x)
numpy.save(f"{root}/y.npy", y)
for form in ("pickle", "pt2"):
    mlflow.pytorch.save_model(
        model, f"{root}/{form}", signature=signature, input_example=x, serialization_format=form
    )
mlflow.pytorch.save_model(torch.jit.script(model), f"{root}/script", serialization_format="pickle")
torch.onnx.export(model, (torch.from_numpy(x),), f"{root}/model.onnx", dynamo=True, verbose=False)
import onnx
mlflow.onnx.save_model(onnx.load(f"{root}/model.onnx"), f"{root}/onnx", signature=signature)
from sklearn.linear_model import LogisticRegression
fitted = LogisticRegression().fit(x, [0, 1, 0, 1])
numpy.save(f"{root}/labels.npy", fitted.predict(x))
mlflow.sklearn.save_model(fitted, f"{root}/skops", input_example=x)
mlflow.sklearn.save_model(fitted, f"{root}/cloudpickle", serialization_format="cloudpickle")
"""


def mlflow_run(code: str, *args: object) -> str:
    """Run a script that uses MLflow in a process of its own, outside of the repository."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{args[0]}/unused.db"}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        cwd=str(args[0]),
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_the_real_pyfunc_loads_and_predicts_with_what_we_save(tmp_path):
    """Also where our classes cannot be imported, and MLflow enforces our signature too."""
    images = numpy.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype("float32")
    gray = images[:, :1].copy()
    resnet, cnn, fitted = ResNet(4, 1, 2).eval(), LazyCNN(3), LogisticRegression()
    save_model(cnn, tmp_path / "torch", input_example=gray)
    for format in ("torchscript", "export", "onnx"):
        save_model(resnet, tmp_path / format, input_example=images, format=format)
    rows = numpy.random.default_rng(1).normal(size=(10, 3))
    save_model(fitted.fit(rows, rows[:, 0] > 0), tmp_path / "sklearn", input_example=rows)
    inputs = {"torch": gray, "torchscript": images, "export": images, "onnx": images}
    for name, value in {**inputs, "sklearn": rows}.items():
        numpy.save(tmp_path / f"{name}.npy", value)
    answers = json.loads(mlflow_run(PREDICT, tmp_path, *inputs, "sklearn").splitlines()[-1])
    for name, (kind, found, wrong) in answers.items():
        expected = load_model(tmp_path / name).predict(numpy.load(tmp_path / f"{name}.npy"))
        numpy.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert kind == "ndarray"
        assert "does not match expected shape" in wrong, name


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    place = tmp_path_factory.mktemp("theirs")
    mlflow_run(SAVE, place)
    return place


@pytest.mark.parametrize(
    ("name", "kind"), [("pt2", "export"), ("script", "torchscript"), ("onnx", "onnx")]
)
def test_programs_that_mlflow_saved_load_without_trust(theirs, name, kind):
    model = load_model(theirs / name)
    assert model.kind == kind
    x = numpy.load(theirs / "x.npy")
    numpy.testing.assert_allclose(
        model.predict(x), numpy.load(theirs / "y.npy"), rtol=1e-4, atol=1e-6
    )
    if kind == "export":
        assert model.signature is not None
        assert str(model.signature.inputs) == "float32[-1, 3]"
        numpy.testing.assert_array_equal(model.input_example, x)


def test_estimators_that_mlflow_saved_load(theirs):
    x = numpy.load(theirs / "x.npy")
    expected = numpy.load(theirs / "labels.npy").tolist()
    assert load_model(theirs / "skops").predict(x).tolist() == expected
    with pytest.raises(UntrustedModel, match="pickled estimator") as caught:
        load_model(theirs / "cloudpickle")
    trust = f"sha256:{caught.value.digest}"
    assert load_model(theirs / "cloudpickle", trust=trust).predict(x).tolist() == expected


def test_a_pickled_module_that_mlflow_saved_loads_when_it_is_trusted(theirs):
    with pytest.raises(UntrustedModel, match="pickled PyTorch module") as caught:
        load_model(theirs / "pickle")
    model = load_model(theirs / "pickle", trust=f"sha256:{caught.value.digest}")
    assert isinstance(model.torch(), nn.Sequential)
    table = model.predict(pandas.DataFrame(numpy.load(theirs / "x.npy")))
    numpy.testing.assert_allclose(table.to_numpy(), numpy.load(theirs / "y.npy"), rtol=1e-5)
    assert torch.is_grad_enabled()
