"""Looks into programs before they are loaded: only tensor arithmetic passes.

`torch.export.load` unpickles parts of an archive, evaluates strings as expressions and looks
operators up below ``torch``; TorchScript has operators that read and write files; ONNX can name
files outside of the model. A program that uses none of this is data. What is found is returned as
a reason, and the caller then asks for trust. Archives are read with the reader that PyTorch itself
uses, so both see the same records.
"""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from epochal.domain.artifact import check_path
from epochal.errors import DamagedModel, InvalidInput
from epochal.models.optional import need

_TARGET = re.compile(
    r"torch\.ops\.(aten|prims|higher_order)\.\w+(\.\w+)?"
    r"|torch\.sym_\w+|torch\._sym_\w+|math\.\w+"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|pow|neg|eq|ne|lt|le|gt|ge|and_|or_"
    r"|not_|pos|lshift|rshift)"
)
_FILES = re.compile(r"\b(from_file|save|load|read_file|write_file)\b")
_WORDS = frozenset(
    {
        *("Max", "Min", "Mod", "PythonMod", "FloorDiv", "CeilDiv", "CleanDiv", "ModularIndexing"),
        *("Where", "Eq", "Ne", "Lt", "Le", "Gt", "Ge", "And", "Or", "Not", "TruncToInt", "Abs"),
        *("ToFloat", "IntTrueDiv", "FloatTrueDiv", "PowByNatural", "FloatPow", "RoundToInt"),
        *("floor", "ceiling", "true", "false", "oo", "int_oo", "Identity"),
        *("Symbol", "Integer", "Float", "Rational", "Add", "Mul", "Pow", "Equality"),
        *("Unequality", "StrictLessThan", "StrictGreaterThan", "LessThan", "GreaterThan"),
    }
)
_SYMBOL = re.compile(r"(s|u|zf|zuf|f|i)\d+|-?\d{1,20}(\.\d{1,40})?(e[+-]?\d{1,4})?")
_NODES = (
    *(ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant),
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop, ast.boolop),
    ast.cmpop,
)
_SCRIPT_NAMESPACES = frozenset({"prim", "aten", "quantized", "prepacked"})
_SCRIPT_CALL = re.compile(r"\bops\.(\w+)\.")
_SCRIPT_FILES = re.compile(r"\b(?:torch|ops\.aten)\.(save|load|from_file|_get_tracing_state)\s*\(")


def records(data: bytes, root: object, name: str) -> dict[str, bytes]:
    """The records of an archive that PyTorch wrote.

    Raises:
        DamagedModel: it is none, or was cut off.
    """
    torch = need("torch", "loading a model")
    try:
        reader = torch._C.PyTorchFileReader(io.BytesIO(data))  # noqa: SLF001
        names = reader.get_all_records()
        if len(set(names)) < len(names):
            raise DamagedModel(root, f"{name} holds a record twice")
        return {record: reader.get_record(record) for record in names}
    except (RuntimeError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise DamagedModel(root, f"{name} is no archive of PyTorch ({first:.200})") from None


def screen_script(data: bytes, root: object, name: str) -> str | None:
    """What in a TorchScript archive is more than tensor arithmetic; None when nothing is."""
    found = records(data, root, name)
    if "constants.pkl" not in found or not any(path.startswith("code/") for path in found):
        raise DamagedModel(root, f"{name} is no TorchScript program")
    for path, code in found.items():
        if not (path.startswith("code/") and path.endswith(".py")):
            continue
        text = code.decode("utf-8", "replace")
        unknown = sorted(set(_SCRIPT_CALL.findall(text)) - _SCRIPT_NAMESPACES)
        if unknown:
            return f"it calls operators of {unknown[0]!r}"
        if files := _SCRIPT_FILES.search(text):
            return f"it calls {files[1]!r}, which reads or writes files"
        if "__torch__.torch.classes" in text:
            return "it holds objects of classes written in C++"
    return None


def screen_program(data: bytes, root: object, name: str) -> str | None:
    """What in a ``torch.export`` archive is more than tensor arithmetic; None when nothing is."""
    found = records(data, root, name)
    if found.get("archive_format") != b"pt2":
        return "it is an archive of an older PyTorch, whose parts are pickles"
    for path, content in found.items():
        reason = _screen_record(path, content, root, name)
        if reason:
            return reason
    return None


def _screen_record(path: str, content: bytes, root: object, name: str) -> str | None:
    if path.startswith("data/aotinductor/"):
        return "it holds native code"
    if path.startswith(("data/constants/", "data/weights/")) and not path.endswith(".json"):
        kind = path.rpartition("/")[2]
        return None if kind.startswith(("tensor_", "weight_")) else f"it holds the object {kind}"
    if path.startswith("data/sample_inputs/"):
        return _screen_pickle(content)
    if not path.endswith(".json"):
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise DamagedModel(root, f"{name} has a part that cannot be read: {path}") from None
    return next((reason for reason in map(_screen_value, _walk(document)) if reason), None)


def _screen_pickle(content: bytes) -> str | None:
    if not content:
        return None
    torch = need("torch", "loading a model")
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception:  # noqa: BLE001 - its own restricted reader said no, however it did
        return "its sample inputs are a pickle of something else than tensors"
    return None


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _screen_value(item: dict[str, Any]) -> str | None:
    if item.get("use_pickle"):
        return "it holds a pickle"
    target = item.get("target")
    if "inputs" in item and "outputs" in item and target is not None:
        if not isinstance(target, str) or not _TARGET.fullmatch(target):
            return f"it calls {target!r:.80}, which is no tensor operator"
        if _FILES.search(target):
            return f"it calls {target!r:.80}, which reads or writes files"
    for key in ("expr_str", "as_expr"):
        text = item.get(key)
        if isinstance(text, str) and not _is_expression(text):
            return f"it evaluates the expression {text!r:.80}"
    if any(key in item for key in ("as_custom_obj", "as_opaque_obj")):
        return "it holds an object that is no tensor"
    return None


def _is_expression(text: str) -> bool:
    """Whether SymPy, which evaluates it as Python, would find sizes and arithmetic only."""
    if len(text) > 10_000:
        return False
    try:
        nodes = list(ast.walk(ast.parse(text.strip(), mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(isinstance(node, _NODES) and _is_word(node) for node in nodes)


def _is_word(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name)
    if isinstance(node, ast.keyword):
        return node.arg in _ASSUMPTIONS and isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Name):
        return node.id in _WORDS or _SYMBOL.fullmatch(node.id) is not None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _SYMBOL.fullmatch(node.value) is not None
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bool | int | float)
    return True


_ASSUMPTIONS = frozenset({"positive", "integer", "nonnegative", "real", "precision", "evaluate"})


def screen_onnx(data: bytes, files: set[str], root: object, name: str) -> list[str]:
    """The files beside an ONNX model that its tensors lie in.

    Raises:
        DamagedModel: it is no ONNX model, or names a file outside of the model.
    """
    onnx = need("onnx", "an ONNX model")
    message = need("google.protobuf.message", "an ONNX model")
    try:
        model = onnx.load_model_from_string(data)
    except message.DecodeError as error:
        raise DamagedModel(root, f"{name} is no ONNX model ({error})") from None
    if not model.HasField("graph"):
        raise DamagedModel(root, f"{name} is no ONNX model")
    beside = set()
    for tensor in _onnx_tensors(onnx, model):
        for entry in tensor.external_data:
            if entry.key == "location":
                beside.add(_contained(entry.value, files, root, name))
    return sorted(beside)


def _onnx_tensors(onnx: Any, model: Any) -> Iterator[Any]:
    """Every tensor of every graph, nested ones and functions too."""
    pending = [model]
    while pending:
        message = pending.pop()
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            many = value if hasattr(value, "extend") or hasattr(value, "add") else [value]
            for item in many:
                if isinstance(item, onnx.TensorProto):
                    yield item
                elif hasattr(item, "ListFields"):
                    pending.append(item)


def _contained(location: str, files: set[str], root: object, name: str) -> str:
    try:
        clean = check_path(location, "an external file")
    except InvalidInput as error:
        raise DamagedModel(root, f"{name} names a file outside of the model: {error}") from None
    if clean not in files:
        raise DamagedModel(root, f"{name} needs {clean!r}, which is missing")
    return clean
