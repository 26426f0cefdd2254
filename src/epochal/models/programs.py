"""Opens programs that bring their own graph: TorchScript, torch.export, ONNX; and estimators.

All from bytes in memory that were checked before, after a look inside (`screening`).
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from epochal.errors import DamagedModel, InvalidInput
from epochal.models.backends import TorchBackend
from epochal.models.folder import Files
from epochal.models.optional import need
from epochal.models.screening import screen_onnx, screen_program, screen_script
from epochal.models.trust import Gate


def open_script(files: Files, name: str, gate: Gate, device: Any) -> Any:
    """A TorchScript module in eval mode.

    Raises:
        DamagedModel: it is none.
        UntrustedModel: it does more than tensor arithmetic.
    """
    torch = need("torch", "loading a model")
    data = files.get(name)
    gate.demand(screen_script(data, files.root, name))
    try:
        module = torch.jit.load(io.BytesIO(data), map_location=device)
    except (RuntimeError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise DamagedModel(files.root, f"{name} is no sound TorchScript ({first:.200})") from None
    module.eval()
    return module


def open_program(files: Files, name: str, gate: Gate, device: Any) -> Any:
    """A ``torch.export.ExportedProgram`` on a device.

    Raises:
        DamagedModel: it is none.
        UntrustedModel: it does more than tensor arithmetic.
    """
    torch = need("torch", "loading a model")
    data = files.get(name)
    gate.demand(screen_program(data, files.root, name))
    try:
        program = torch.export.load(io.BytesIO(data))
    except Exception as error:  # noqa: BLE001 - its reader raises whatever it stumbles over
        first = str(error).strip().partition("\n")[0]
        raise DamagedModel(
            files.root,
            f"{name} is no program that PyTorch {torch.__version__} reads "
            f"({type(error).__name__}: {first:.200})",
        ) from None
    if torch.device(device).type == "cpu":
        return program
    return need("torch.export.passes", "moving a program").move_to_device_pass(program, device)


def backend_of_program(program: Any, device: Any, weights: Any = None) -> TorchBackend:
    """Run an exported program, with its own weights or others."""
    module = program.module()
    if weights is not None:
        wanted = {key: weights[key] for key in module.state_dict()}
        module.load_state_dict(wanted, assign=True)
    torch = need("torch", "loading a model")
    module.to(torch.device(device))
    positional, keywords = parameters_of(program)
    return TorchBackend(module, keywords or positional, device, by_position=not keywords)


def parameters_of(program: Any) -> tuple[list[str], list[str]]:
    """Names of the positional and of the keyword parameters that a program was exported with."""
    spec = program.call_spec.in_spec
    children = spec.children()
    named = len(children) == 2 and children[1].type is dict
    keywords = [str(name) for name in children[1].context] if named else []
    user = [
        str(each.arg.name)
        for each in program.graph_signature.input_specs
        if each.kind.name == "USER_INPUT"
    ]
    return user[: len(user) - len(keywords)], keywords


def open_onnx(files: Files, name: str, device: Any) -> Any:
    """An onnxruntime session.

    Raises:
        DamagedModel: it is no ONNX model, or refers to files outside of it.
    """
    runtime = need("onnxruntime", "an ONNX model")
    errors = need("onnxruntime.capi.onnxruntime_pybind11_state", "an ONNX model")
    data = files.get(name)
    folder = name.rpartition("/")[0]
    beside = screen_onnx(data, set(files.under(folder)), files.root, name)
    cuda = str(device).startswith("cuda")
    providers = ["CUDAExecutionProvider"] if cuda else ["CPUExecutionProvider"]
    if cuda and "CUDAExecutionProvider" not in runtime.get_available_providers():
        raise InvalidInput(
            f"device is {device!r}, but this onnxruntime runs on the CPU only; "
            f"install onnxruntime-gpu or load with device='cpu'"
        )
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    try:
        if not beside:
            return runtime.InferenceSession(data, options, providers=providers)
        with tempfile.TemporaryDirectory(prefix="epochal-") as private:
            for path in (*beside, ""):
                place = Path(private, path or "model.onnx")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(files.under(folder)[path] if path else data)
            return runtime.InferenceSession(
                str(Path(private, "model.onnx")), options, providers=providers
            )
    except (errors.Fail, errors.InvalidGraph, errors.InvalidProtobuf, errors.NotImplemented) as e:
        first = str(e).strip().partition("\n")[0]
        raise DamagedModel(files.root, f"onnxruntime refuses {name} ({first:.200})") from None


def open_estimator(files: Files, name: str, gate: Gate) -> Any:
    """A scikit-learn estimator from skops' format.

    Raises:
        DamagedModel: it is none.
        UntrustedModel: it holds types that skops does not know to be harmless.
    """
    skops = need("skops.io", "a scikit-learn model")
    data = files.get(name)
    try:
        unknown = skops.get_untrusted_types(data=data)
        gate.demand(f"it holds objects of {', '.join(unknown[:3])}" if unknown else None)
        return skops.loads(data, trusted=unknown)
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise DamagedModel(files.root, f"{name} is no sound estimator ({error})") from None
    except need("zipfile", "skops").BadZipFile as error:
        raise DamagedModel(
            files.root, f"{name} was cut off or is no estimator ({error})"
        ) from None
    except (ImportError, AttributeError) as error:
        raise InvalidInput(f"a class of the estimator cannot be imported: {error}") from None
