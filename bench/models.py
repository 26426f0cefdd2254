"""Save, load and predict beside MLflow on the same PyTorch models: seconds and bytes.

Each variant runs in a process of its own. The first save of a process is told apart, for it loads
what exporting needs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from pathlib import Path

VARIANTS = {
    "epochal": "epochal",
    "epochal, weights only": "epochal",
    "mlflow, pickle": "mlflow",
    "mlflow, pt2": "mlflow",
}
MODELS = {"linear": (64, 3), "resnet": (3, 64, 64)}
ROUNDS = 3


def build(name):
    import torch
    from torch import nn

    torch.manual_seed(0)
    if name == "linear":
        return nn.Sequential(nn.Flatten(), nn.Linear(192, 256), nn.ReLU(), nn.Linear(256, 10))
    layers, width = [nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()], 64
    for number in range(8):
        out, stride = 64 << number // 2, 2 if number in {2, 4, 6} else 1
        for into, step in ((width, stride), (out, 1)):
            conv = nn.Conv2d(into, out, 3, step, 1, bias=False)
            layers += [conv, nn.BatchNorm2d(out), nn.ReLU()]
        width = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def doors(variant, model, x):
    """The functions that save and load, as a user of the peer calls them."""
    if variant.startswith("epochal"):
        import epochal.models

        options = {"program": False, "check": False} if "weights" in variant else {}

        def save(place):
            epochal.models.save_model(model, place, input_example=x, **options)

        return save, epochal.models.load_model
    import mlflow
    import torch

    with torch.no_grad():
        outputs = model(torch.from_numpy(x)).numpy()
    signature = mlflow.models.infer_signature(x, outputs)
    form = "pt2" if "pt2" in variant else "pickle"

    def save(place):
        mlflow.pytorch.save_model(
            model,
            place,
            signature=signature,
            input_example=x,
            serialization_format=form,
            pip_requirements=["torch"],
        )

    return save, mlflow.pyfunc.load_model


def timed(action, rounds):
    found = []
    for number in range(rounds):
        begun = time.perf_counter()
        result = action(number)
        found.append(time.perf_counter() - begun)
    return found, result


def work(variant, name):
    """One process: prints a line of JSON."""
    import numpy

    warnings.simplefilter("ignore")
    x = numpy.random.default_rng(0).normal(size=(8, *MODELS[name])).astype("float32")
    model = build(name).eval()
    save, load = doors(variant, model, x)
    with tempfile.TemporaryDirectory() as folder:
        saves, _ = timed(lambda number: save(f"{folder}/m{number}"), ROUNDS + 1)
        loads, loaded = timed(lambda number: load(f"{folder}/m{number}"), ROUNDS + 1)
        predicts, answer = timed(lambda _: loaded.predict(x), 20)
        files = [path for path in Path(folder, "m0").rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
    import torch

    with torch.no_grad():
        assert numpy.allclose(answer, model(torch.from_numpy(x)).numpy(), rtol=1e-3, atol=1e-4)
    found = {
        "first_save_s": saves[0],
        "save_s": statistics.median(saves[1:]),
        "load_s": statistics.median(loads[1:]),
        "predict_ms": statistics.median(predicts) * 1e3,
        "bytes": size,
    }
    print(json.dumps(found))


def models(quick):
    """Every variant on every model."""
    from bench import environments

    found = {}
    for name in ["linear"] if quick else MODELS:
        found[name] = {}
        for variant, peer in VARIANTS.items():
            print(f"models: {name} {variant}", file=sys.stderr)
            # MLflow's environment has no PyTorch; it takes ours, after its own packages.
            code = (
                f"import sys; sys.path += [{str(Path(__file__).parents[1])!r}, "
                f"{sysconfig.get_path('purelib')!r}]; "
                f"from bench import models; models.work({variant!r}, {name!r})"
            )
            command = [environments.python_of(peer), "-c", code]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[name][variant] = json.loads(done.stdout.splitlines()[-1])
    return found
