"""Exported programs that were tampered with are refused before anything of them runs."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from epochal.errors import DamagedModel, UntrustedModel
from epochal.models import SavedModel, load_model, save_model
from epochal.models.folder import measure
from tests.models.nets import ResNet
from tests.models.spoiled import Touch, relist


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    x = torch.zeros(2, 3, 8, 8)
    place = tmp_path_factory.mktemp("exported") / "program"
    return save_model(ResNet(4, 1, 2).eval(), place, input_example=x, format="export")


@pytest.fixture
def program(exported, tmp_path):
    place = Path(shutil.copytree(exported, tmp_path / "program"))
    return SavedModel(place, exported.description, measure(place))


def rewrite(data: bytes, change) -> bytes:
    """The archive with records changed by ``change(name, bytes) -> bytes``."""
    reader = torch._C.PyTorchFileReader(io.BytesIO(data))
    out = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(out)
    for name in reader.get_all_records():
        if name in {".data/serialization_id", ".data/version", "byteorder", "version"}:
            continue
        content = change(name, reader.get_record(name))
        writer.write_record(name, content, len(content))
    writer.write_end_of_file()
    return out.getvalue()


def attack(saved, change, match, tmp_path):
    mark = tmp_path / "mark"
    data = rewrite((saved.path / "program.pt2").read_bytes(), change)
    relist(saved.path, "program.pt2", data)
    with pytest.raises(UntrustedModel, match=match):
        load_model(saved)
    assert not mark.exists()


def test_an_archive_that_was_only_rewritten_loads(program):
    """So the refusals below are about what was changed."""
    data = rewrite((program.path / "program.pt2").read_bytes(), lambda _, content: content)
    relist(program.path, "program.pt2", data)
    assert load_model(program).predict(torch.zeros(3, 3, 8, 8)).shape == (3, 2)


def test_a_program_whose_sample_inputs_are_a_pickle_is_refused(program, tmp_path):
    """torch.export.load would fall back to unpickling them."""
    evil = io.BytesIO()
    torch.save((Touch(tmp_path / "mark"),), evil)

    def change(name, content):
        return evil.getvalue() if "sample_inputs" in name else content

    attack(program, change, "sample inputs", tmp_path)


def test_a_program_with_pickled_weights_is_refused(program, tmp_path):
    def change(name, content):
        if name.endswith("model_weights_config.json"):
            return content.replace(b'"use_pickle": false', b'"use_pickle": true', 1)
        return content

    attack(program, change, "pickle", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch mark')",
        "Symbol('s77').__class__",
        "Symbol('os.system')",
        "exec('1')",
        "(lambda: 1)()",
        "[x for x in (1,)]",
        "Symbol('s77', positive=open('x'))",
        "s0!",
    ],
)
def test_a_program_with_an_expression_that_is_code_is_refused(program, tmp_path, text):
    """torch.export.load gives these to sympify, which evaluates them."""

    def change(name, content):
        if name != "models/model.json":
            return content

        def swap(value):
            if isinstance(value, dict):
                return {k: text if k == "expr_str" else swap(v) for k, v in value.items()}
            return [swap(item) for item in value] if isinstance(value, list) else value

        changed = json.dumps(swap(json.loads(content))).encode()
        assert changed != content
        return changed

    attack(program, change, "evaluates the expression", tmp_path)


@pytest.mark.parametrize(
    "target",
    ["torch.os.system", "torch.hub.load", "torch.ops.aten.from_file.default", "_operator.call"],
)
def test_a_program_that_calls_more_than_operators_is_refused(program, tmp_path, target):
    def change(name, content):
        if name != "models/model.json":
            return content
        document = json.loads(content)
        document["graph_module"]["graph"]["nodes"][0]["target"] = target
        return json.dumps(document).encode()

    attack(program, change, "it calls", tmp_path)


def test_an_archive_with_native_code_or_of_an_old_form_is_refused(program, tmp_path):
    def old(name, content):
        return b"pt1" if name == "archive_format" else content

    original = (program.path / "program.pt2").read_bytes()
    attack(program, old, "older PyTorch", tmp_path)
    reader = torch._C.PyTorchFileReader(io.BytesIO(original))
    out = io.BytesIO()
    writer = torch._C.PyTorchFileWriter(out)
    for name in ("archive_format", "archive_version", "models/model.json"):
        content = reader.get_record(name)
        writer.write_record(name, content, len(content))
    writer.write_record("data/aotinductor/model/x.so", b"\x7fELF", 4)
    writer.write_end_of_file()
    relist(program.path, "program.pt2", out.getvalue())
    with pytest.raises(UntrustedModel, match="native code"):
        load_model(program)


def test_a_program_that_is_no_archive_is_refused_with_trust_too(program):
    for data in (b"", b"PK\x03\x04", pickle.dumps(1), b"x" * 5000):
        relist(program.path, "program.pt2", data)
        with pytest.raises(DamagedModel, match=r"program.pt2"):
            load_model(program, trust=True)


def is_pickle(data: bytes) -> bool:
    """Whether bytes are a pickle to its end, which is read here and not run."""
    try:
        return list(pickletools.genops(data)) != []
    except ValueError:
        return False


def test_no_file_of_a_saved_model_is_a_python_pickle(saved, program):
    """Archives of PyTorch hold none either that anything but its restricted reader would open."""
    assert is_pickle(pickle.dumps({"weights": [1.0]}))
    for root in (saved.path, program.path):
        for path in root.rglob("*"):
            if path.is_file() and not zipfile.is_zipfile(path):
                assert not is_pickle(path.read_bytes()), path
