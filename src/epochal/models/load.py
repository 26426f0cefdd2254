"""Loads models. The only place in Epochal that may unpickle, and only with trust.

Every file is read once, checked against its digest, and used from memory. A module is built from
its class, which this process can import anyway, and safetensors; programs are looked into first.
Whatever would run code that came with the model asks for trust by digest. Nothing ever falls back
from a safe way to an unsafe one.
"""

from __future__ import annotations

import io
import json
import os
import pickle
from typing import Any

from epochal.errors import DamagedModel, InvalidInput
from epochal.models import description as parts
from epochal.models.backends import Backend, EstimatorBackend, OnnxBackend, TorchBackend
from epochal.models.description import Description, read_description
from epochal.models.example import read_example
from epochal.models.folder import Files
from epochal.models.mlmodel import FILE as MLMODEL
from epochal.models.mlmodel import Foreign, read_mlmodel
from epochal.models.model import Model
from epochal.models.optional import check_device, need
from epochal.models.programs import (
    backend_of_program,
    open_estimator,
    open_onnx,
    open_program,
    open_script,
)
from epochal.models.rebuild import rebuild, use_code
from epochal.models.resolve import resolve
from epochal.models.screening import records
from epochal.models.trust import Gate

_SKOPS = "skops"


def load_model(
    path_or_uri: str | os.PathLike[str],
    trust: str | bool | None = None,
    device: Any = "cpu",
) -> Model:
    """Load a model that `save_model` or MLflow saved.

    Args:
        path_or_uri: its directory, or ``runs:/<id>/model``, ``models:/name/3``,
            ``models:/name@alias``, ``name:alias``.
        trust: ``"sha256:<digest>"`` of a model that may run code on loading; the error that asks
            for it names the digest. True trusts whatever lies there, False nothing; by default
            what `epochal.models.trusted` lists.
        device: where PyTorch models go, such as ``"cuda"``.

    Raises:
        NotFound: there is no such model.
        DamagedModel: a file is missing, cut off or changed, or is no model.
        UntrustedModel: it would run code that came with it.
        InvalidInput: its class cannot be imported, or a package is missing.
    """
    check_device(device)
    files = Files(resolve(path_or_uri))
    if parts.FILE in files:
        return _load_own(files, trust, device)
    if MLMODEL in files:
        return _load_foreign(files, trust, device)
    raise DamagedModel(files.root, f"it holds neither {parts.FILE} nor {MLMODEL}")


# -- ours
def _load_own(files: Files, trust: str | bool | None, device: Any) -> Model:
    described = read_description(files.get(parts.FILE), files.root)
    files.keep(described.files, parts.FILE)
    gate = Gate(files, trust)
    example = None
    if described.example is not None:
        whole = described.example.kind in {"list", "frame"}
        name = parts.EXAMPLE_JSON if whole else parts.EXAMPLE_ARRAYS
        example = read_example(files.get(name), described.example, files.root)
    return Model(
        _own_backend(files, described, gate, device),
        files.root,
        files.digest,
        described.kind,
        described.read_signature,
        described.metadata,
        example,
    )


def _own_backend(files: Files, described: Description, gate: Gate, device: Any) -> Backend:
    if described.kind == "torch":
        return rebuild(files, described, gate, device)
    if described.kind == "torchscript":
        module = open_script(files, parts.SCRIPT, gate, device)
        return TorchBackend(module, described.forward, device)
    if described.kind == "export":
        return backend_of_program(open_program(files, parts.PROGRAM, gate, device), device)
    if described.kind == "onnx":
        signature = described.read_signature
        outputs = signature.outputs.names if signature and signature.outputs else []
        return OnnxBackend(open_onnx(files, parts.ONNX, device), outputs)
    use_code(files, described, gate)
    return EstimatorBackend(open_estimator(files, parts.ESTIMATOR, gate))


# -- MLflow's
def _load_foreign(files: Files, trust: str | bool | None, device: Any) -> Model:
    foreign = read_mlmodel(files.get(MLMODEL), files.root)
    gate = Gate(files, trust)
    for flavor, load in (
        ("pytorch", _foreign_torch),
        ("onnx", _foreign_onnx),
        ("sklearn", _foreign_estimator),
    ):
        if flavor in foreign.flavors:
            backend, kind = load(files, foreign.flavors[flavor], gate, device)
            break
    else:
        raise InvalidInput(
            f"the model at {files.root} has the MLflow flavors {sorted(foreign.flavors)}; "
            f"Epochal loads pytorch, onnx and sklearn; load it with mlflow.pyfunc instead"
        )
    return Model(
        backend,
        files.root,
        files.digest,
        kind,
        foreign.signature,
        foreign.metadata,
        _foreign_example(files, foreign),
    )


def _foreign_torch(
    files: Files, flavor: dict[str, Any], gate: Gate, device: Any
) -> tuple[Backend, str]:
    folder = str(flavor.get("model_data") or "data")
    if f"{folder}/model.pt2" in files:
        program = open_program(files, f"{folder}/model.pt2", gate, device)
        return backend_of_program(program, device), "export"
    name = f"{folder}/model.pth"
    data = files.get(name)
    if data[:2] == b"PK" and "constants.pkl" in records(data, files.root, name):
        return TorchBackend(open_script(files, name, gate, device), (), device), "torchscript"
    gate.demand("it is a pickled PyTorch module")
    _use_foreign_code(files, flavor, gate)
    torch = need("torch", "loading a model")
    try:
        module = torch.load(io.BytesIO(data), map_location=device, weights_only=False)
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        raise DamagedModel(files.root, f"{name} cannot be unpickled ({error})") from None
    except (ImportError, AttributeError) as error:
        raise InvalidInput(f"the class of the model at {files.root} is missing: {error}") from None
    if not isinstance(module, torch.nn.Module):
        raise DamagedModel(files.root, f"{name} holds a {type(module).__name__}, no module")
    module.eval()
    return TorchBackend(module, (), device), "torch"


def _foreign_onnx(
    files: Files, flavor: dict[str, Any], gate: Gate, device: Any
) -> tuple[Backend, str]:
    del gate
    return OnnxBackend(open_onnx(files, str(flavor.get("data") or parts.ONNX), device)), "onnx"


def _foreign_estimator(
    files: Files, flavor: dict[str, Any], gate: Gate, device: Any
) -> tuple[Backend, str]:
    del device
    name = str(flavor.get("pickled_model"))
    data = files.get(name)
    if flavor.get("serialization_format") == _SKOPS:
        return EstimatorBackend(open_estimator(files, name, gate)), "sklearn"
    gate.demand("it is a pickled estimator")
    _use_foreign_code(files, flavor, gate)
    try:
        estimator = pickle.loads(data)  # noqa: S301 - trusted just above
    except (pickle.UnpicklingError, EOFError) as error:
        raise DamagedModel(files.root, f"{name} cannot be unpickled ({error})") from None
    except (ImportError, AttributeError) as error:
        raise InvalidInput(f"the class of the model at {files.root} is missing: {error}") from None
    return EstimatorBackend(estimator), "sklearn"


def _use_foreign_code(files: Files, flavor: dict[str, Any], gate: Gate) -> None:
    folder = flavor.get("code")
    if folder:
        use_code(files, None, gate, str(folder))


def _foreign_example(files: Files, foreign: Foreign) -> Any:
    """MLflow's example where it is a plain array; its tables depend on the schema."""
    if foreign.example is None or foreign.example[0] not in files:
        return None
    name, kind = foreign.example
    if kind != "ndarray" or foreign.signature is None or foreign.signature.inputs is None:
        return None
    specs = foreign.signature.inputs.specs
    document = json.loads(files.get(name))
    if len(specs) != 1 or not foreign.signature.inputs.is_tensors:
        return None
    values = document.get("inputs", document) if isinstance(document, dict) else document
    return need("numpy", "reading the input example").asarray(
        values, dtype=getattr(specs[0], "dtype", None)
    )
