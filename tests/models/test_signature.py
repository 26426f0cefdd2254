"""What a signature is read off, how it is written, and what it lets through."""

from __future__ import annotations

import json

import numpy
import pandas
import pytest
import torch

from epochal.errors import InvalidInput
from epochal.models import (
    ColumnSpec,
    ParamSpec,
    Schema,
    Signature,
    TensorSpec,
    infer_signature,
)
from epochal.models.enforce import enforce, enforce_params


def tensors(*specs: TensorSpec) -> Schema:
    return Schema(specs)


def test_the_first_axis_of_an_example_is_the_batch():
    found = infer_signature(torch.zeros(4, 3, 8), numpy.zeros((4, 2)))
    assert found.inputs == tensors(TensorSpec("float32", (-1, 3, 8)))
    assert found.outputs == tensors(TensorSpec("float64", (-1, 2)))


def test_dicts_and_tuples_are_inputs_by_name_and_by_position():
    named = infer_signature({"x": torch.zeros(2, 3), "ids": numpy.zeros((2, 5), "int64")})
    assert named.inputs is not None
    assert named.inputs.names == ["x", "ids"]
    placed = infer_signature((torch.zeros(2), torch.zeros(2, dtype=torch.bfloat16)))
    assert placed.inputs == tensors(
        TensorSpec("float32", (-1,), "0"), TensorSpec("bfloat16", (-1,), "1")
    )


def test_numbers_in_lists_are_what_pytorch_makes_of_them():
    assert infer_signature([[1.5, 2.0]]).inputs == tensors(TensorSpec("float32", (-1, 2)))
    assert infer_signature([[1, 2]]).inputs == tensors(TensorSpec("int64", (-1, 2)))


def test_tables_become_columns():
    frame = pandas.DataFrame(
        {
            "a": [1, 2],
            "b": ["x", "y"],
            "c": [1.5, None],
            "d": [True, False],
            "e": pandas.to_datetime(["2020-01-01", "2021-01-01"]),
            "f": [b"1", b"2"],
        }
    )
    found = infer_signature(frame).inputs
    assert found is not None
    assert [
        (spec.type, spec.required) for spec in found.specs if isinstance(spec, ColumnSpec)
    ] == [
        ("long", True),
        ("string", True),
        ("double", False),
        ("boolean", True),
        ("datetime", True),
        ("binary", True),
    ]


def test_the_json_is_mlflows_own_both_ways():
    """The texts were written by mlflow 3.17.2."""
    theirs = {
        "inputs": '[{"name": "a", "type": "tensor", '
        '"tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]',
        "outputs": '[{"type": "double", "name": "c", "required": true}]',
        "params": '[{"name": "t", "default": 0.5, "shape": null, "type": "double"}, '
        '{"name": "l", "default": [1, 2], "shape": [-1], "type": "long"}]',
    }
    read = Signature.from_dict(theirs)
    assert read.inputs == tensors(TensorSpec("float32", (-1, 3), "a"))
    assert read.params[1] == ParamSpec("l", "long", [1, 2], (-1,))
    ours = read.to_dict()
    for part, text in theirs.items():
        written = ours[part]
        assert written is not None
        assert json.loads(written) == json.loads(text)


def test_nested_columns_of_mlflow_survive():
    text = '[{"type": "array", "items": {"type": "double"}, "name": "g", "required": true}]'
    assert json.loads(Schema.from_json(text).to_json()) == json.loads(text)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '[{"type": "tensor"}]', '[{"type": "novel"}]', "[1]", "null"]
)
def test_text_that_is_no_schema_is_refused(text):
    with pytest.raises(InvalidInput):
        Schema.from_json(text)


def test_a_wrong_shape_names_input_given_and_expected():
    with pytest.raises(InvalidInput, match=r"'x' has shape \[2, 4\], expected \[-1, 3\]"):
        enforce(tensors(TensorSpec("float32", (-1, 3), "x")), {"x": torch.zeros(2, 4)})
    with pytest.raises(InvalidInput, match=r"batch axis missing"):
        enforce(tensors(TensorSpec("float32", (-1, 3))), torch.zeros(3))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("float64", "float32"), ("int64", "int32"), ("int64", "float32"), ("float32", "int64")],
)
def test_a_cast_that_could_change_values_is_refused(given, wanted):
    with pytest.raises(InvalidInput, match=f"dtype {given}, expected {wanted}"):
        enforce(tensors(TensorSpec(wanted, (-1,))), numpy.zeros(2, given))
    with pytest.raises(InvalidInput, match=r"value.to\(torch"):
        enforce(tensors(TensorSpec(wanted, (-1,))), torch.zeros(2, dtype=getattr(torch, given)))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("int32", "int64"), ("float32", "float64"), ("int32", "float64"), ("bool", "uint8")],
)
def test_a_cast_that_keeps_every_value_is_made(given, wanted):
    schema = tensors(TensorSpec(wanted, (-1,)))
    assert enforce(schema, numpy.ones(2, given)).dtype == wanted
    assert enforce(schema, torch.ones(2, dtype=getattr(torch, given))).dtype == getattr(
        torch, wanted
    )


def test_bfloat16_widens_and_nothing_narrows_to_it():
    half = torch.ones(2, dtype=torch.bfloat16)
    assert enforce(tensors(TensorSpec("float32", (-1,))), half).dtype == torch.float32
    with pytest.raises(InvalidInput, match="bfloat16"):
        enforce(tensors(TensorSpec("bfloat16", (-1,))), torch.ones(2))


def test_literals_in_lists_take_the_dtype_that_is_asked_for():
    assert enforce(tensors(TensorSpec("float32", (-1, 2))), [[1, 2.5]]).dtype == "float32"
    assert enforce(tensors(TensorSpec("float16", (-1,))), [1, 2]).dtype == "float16"
    assert enforce(tensors(TensorSpec("int32", (-1,))), [1, 2]).dtype == "int32"
    with pytest.raises(InvalidInput, match="int64, expected int8"):
        enforce(tensors(TensorSpec("int8", (-1,))), [300])
    with pytest.raises(InvalidInput, match="float32, expected int64"):
        enforce(tensors(TensorSpec("int64", (-1,))), [1.5])


def test_missing_and_unknown_names_are_told():
    schema = tensors(TensorSpec("float32", (-1,), "x"), TensorSpec("float32", (-1,), "y"))
    with pytest.raises(InvalidInput, match="'y' missing and 'z' unknown"):
        enforce(schema, {"x": torch.zeros(1), "z": torch.zeros(1)})
    with pytest.raises(InvalidInput, match="by name"):
        enforce(schema, torch.zeros(1))
    with pytest.raises(InvalidInput, match="one tensor without a name"):
        enforce(tensors(TensorSpec("float32", (-1,))), {"x": torch.zeros(1)})


def test_columns_are_ordered_cast_and_left_out():
    schema = Schema(
        (ColumnSpec("double", "a"), ColumnSpec("long", "b"), ColumnSpec("string", "c"))
    )
    frame = pandas.DataFrame(
        {"extra": [0], "c": ["x"], "b": numpy.ones(1, "int32"), "a": numpy.ones(1, "float32")}
    )
    found = enforce(schema, frame)
    assert list(found.columns) == ["a", "b", "c"]
    assert found.dtypes.astype(str).tolist()[:2] == ["float64", "int64"]


def test_bad_columns_are_told():
    schema = Schema((ColumnSpec("long", "a"), ColumnSpec("string", "b", required=False)))
    with pytest.raises(InvalidInput, match="columns are missing: 'a'"):
        enforce(schema, pandas.DataFrame({"b": ["x"]}))
    with pytest.raises(InvalidInput, match="'a' has dtype float64, expected long"):
        enforce(schema, pandas.DataFrame({"a": [1.5]}))
    with pytest.raises(InvalidInput, match="missing values"):
        enforce(schema, pandas.DataFrame({"a": [1.0, None]}))
    with pytest.raises(InvalidInput, match="holds 3"):
        enforce(schema, pandas.DataFrame({"a": [1], "b": [3]}))
    with pytest.raises(InvalidInput, match="2 columns"):
        enforce(schema, numpy.zeros((3, 5)))


def test_settings_have_defaults_and_types():
    specs = infer_signature(params={"t": 0.5, "n": 3, "tags": ["a"]}).params
    assert enforce_params(specs, {"t": 1}) == {"t": 1, "n": 3, "tags": ["a"]}
    with pytest.raises(InvalidInput, match="no setting 'q'"):
        enforce_params(specs, {"q": 1})
    with pytest.raises(InvalidInput, match="'n' must be long"):
        enforce_params(specs, {"n": True})


def test_a_dtype_or_shape_that_is_none_is_refused():
    with pytest.raises(InvalidInput, match="float32"):
        TensorSpec("float", (-1,))
    with pytest.raises(InvalidInput, match="-1 for any"):
        TensorSpec("float32", (-2,))
