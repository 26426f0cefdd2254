"""Real models come back as they were."""

from __future__ import annotations

import itertools
import random
import warnings

import numpy
import pandas
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from epochal.errors import Conflict, EpochalWarning, InvalidInput, UntrustedModel
from epochal.models import load_model, save_model
from epochal.models.example import read_example, write_example
from tests.models.nets import LazyCNN, ResNet, Tied, TwoInputs, WithExtra

IMAGES = (2, 3, 8, 8)


def live(model, *args, **kwargs):
    model.eval()
    with torch.no_grad():
        return model(*args, **kwargs)


def trained_resnet():
    model = ResNet(8, 2, 5)
    for _ in range(3):
        model(torch.randn(*IMAGES))  # moves BatchNorm's statistics
    return model


def test_a_cnn_with_a_lazy_linear_that_saw_no_input_yet_comes_back(tmp_path):
    x = numpy.random.default_rng(0).normal(size=(2, 1, 12, 12)).astype("float32")
    model = LazyCNN(classes=4, width=6)
    saved = save_model(model, tmp_path / "m", input_example=x)
    again = load_model(saved)
    expected = live(model, torch.from_numpy(x)).numpy()
    found = again.predict(x)
    assert isinstance(found, numpy.ndarray)
    numpy.testing.assert_array_equal(found, expected)
    assert type(again.torch()) is LazyCNN
    assert not again.torch().training
    numpy.testing.assert_array_equal(again.input_example, x)


def test_a_lazy_module_without_an_example_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="lazy module has seen no input"):
        save_model(LazyCNN(), tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_resnet_with_batchnorm_comes_back_through_its_class(tmp_path):
    model, x = trained_resnet(), torch.randn(*IMAGES)
    args = {"width": 8, "blocks": 2, "classes": 5}
    save_model(model, tmp_path / "m", input_example=x, init_args=args, metadata={"acc": 0.9})
    again = load_model(tmp_path / "m")
    assert torch.equal(again.predict(x), live(model, x))
    assert type(again.torch()) is ResNet
    assert int(again.torch().blocks[0].norm.num_batches_tracked) == 3
    assert again.metadata == {"acc": 0.9}


def test_a_module_whose_arguments_are_unknown_comes_back_as_its_program(tmp_path):
    model, x = trained_resnet(), torch.randn(*IMAGES)
    with pytest.warns(EpochalWarning, match="needs 'width'"):
        save_model(model, tmp_path / "m", input_example=x)
    again = load_model(tmp_path / "m")
    torch.testing.assert_close(again.predict(x), live(model, x))
    assert again.predict(torch.randn(7, 3, 8, 8)).shape == (7, 5)


def test_a_module_that_could_not_come_back_leaves_nothing(tmp_path):
    with pytest.raises(InvalidInput, match="init_args"):
        save_model(ResNet(4, 1, 2), tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_wrong_constructor_arguments_are_told(tmp_path):
    with pytest.raises(InvalidInput, match="build another model"):
        save_model(
            ResNet(4, 1, 2), tmp_path / "m", init_args={"width": 4, "blocks": 2, "classes": 2}
        )
    with pytest.raises(InvalidInput, match="do not build"):
        save_model(ResNet(4, 1, 2), tmp_path / "n", init_args={"depth": 4})
    assert list(tmp_path.iterdir()) == []


def test_the_weights_are_stored_once_though_a_program_lies_beside_them(tmp_path):
    model = nn.Sequential(nn.Linear(1000, 500), nn.ReLU(), nn.Linear(500, 2))
    save_model(model, tmp_path / "m", input_example=torch.zeros(2, 1000))
    weights = sum(value.nbytes for value in model.state_dict().values())
    whole = sum(path.stat().st_size for path in (tmp_path / "m").rglob("*") if path.is_file())
    assert (tmp_path / "m" / "program.pt2").exists()
    assert whole < weights + 60_000


def test_layers_and_inputs_past_the_tenth_keep_their_order(tmp_path):
    sizes = range(3, 16)
    layers = [nn.Linear(*pair) for pair in itertools.pairwise(sizes)]
    model, x = nn.Sequential(*layers), torch.randn(2, 3)
    save_model(model, tmp_path / "m", input_example=x, program=False)
    assert torch.equal(load_model(tmp_path / "m").predict(x), live(model, x))
    example = {name: numpy.full(2, float(ord(name))) for name in "mlkjihgfedcba"}
    saved = write_example(tmp_path, example)
    data = (tmp_path / "input_example.npz").read_bytes()
    again = read_example(data, saved, tmp_path)
    assert list(again) == list(example)
    assert all((again[name] == example[name]).all() for name in example)


def test_tied_weights_are_one_tensor_again(tmp_path):
    model, ids = Tied(), torch.randint(0, 11, (2, 3))
    save_model(model, tmp_path / "m", input_example=ids)
    again = load_model(tmp_path / "m")
    assert torch.equal(again.predict(ids), live(model, ids))
    assert again.torch().out.weight is again.torch().embedding.weight


def test_inputs_by_name_give_outputs_by_name(tmp_path):
    model = TwoInputs()
    example = {"x": torch.randn(4, 3), "scale": torch.randn(4, 1)}
    save_model(model, tmp_path / "m", input_example=example)
    again = load_model(tmp_path / "m")
    arrays = {name: value.numpy() for name, value in example.items()}
    expected = live(model, **example)
    found = again.predict(arrays)
    assert set(found) == {"sum", "scaled"}
    numpy.testing.assert_array_equal(found["sum"], expected["sum"].numpy())
    placed = again.predict((example["x"], example["scale"]))
    assert torch.equal(placed["scaled"], expected["scaled"])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_dtype_of_the_weights_is_kept(tmp_path, dtype):
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)).to(dtype)
    x = torch.randn(2, 3, dtype=dtype)
    save_model(model, tmp_path / "m", input_example=x)
    again = load_model(tmp_path / "m")
    assert {value.dtype for value in again.torch().parameters()} == {dtype}
    assert torch.equal(again.predict(x), live(model, x))
    assert again.input_example.dtype == dtype


def test_weights_that_are_not_contiguous_or_frozen_come_back(tmp_path):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].weight = nn.Parameter(torch.randn(3, 4).t(), requires_grad=False)
    save_model(model, tmp_path / "m")
    again = load_model(tmp_path / "m").torch()
    assert torch.equal(again[0].weight, model[0].weight)
    assert [value.requires_grad for value in again.parameters()] == [False, True, True, True]


def test_extra_state_comes_back_when_it_is_plain_and_is_refused_else(tmp_path):
    model = WithExtra()
    save_model(model, tmp_path / "m")
    assert load_model(tmp_path / "m").torch().count == {"seen": 3}
    model.count = object()
    with pytest.raises(InvalidInput, match="neither a tensor nor JSON"):
        save_model(model, tmp_path / "n")


def test_meta_and_sparse_tensors_are_refused_by_name(tmp_path):
    with pytest.raises(InvalidInput, match="'weight' is on the meta device"):
        save_model(nn.Linear(2, 2, device="meta"), tmp_path / "m")
    model = nn.Linear(2, 2)
    model.register_buffer("mask", torch.eye(2).to_sparse())
    with pytest.raises(InvalidInput, match=r"'mask' is a torch.sparse_coo"):
        save_model(model, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["torchscript", "export", "onnx"])
def test_programs_take_any_batch_and_answer_like_the_live_model(tmp_path, format):
    model, x = trained_resnet(), torch.randn(1, 3, 8, 8)
    save_model(model, tmp_path / "m", input_example=x, format=format)
    again = load_model(tmp_path / "m")
    assert again.kind == format
    batch = torch.randn(6, 3, 8, 8)
    torch.testing.assert_close(again.predict(batch), live(model, batch), rtol=1e-4, atol=1e-4)
    with pytest.raises(InvalidInput, match=r"expected \[-1, 3, 8, 8\]"):
        again.predict(torch.randn(6, 1, 8, 8))


@pytest.mark.parametrize("format", ["torchscript", "export", "onnx"])
def test_programs_take_inputs_by_name(tmp_path, format):
    model = TwoInputs()
    example = {"x": torch.randn(4, 3), "scale": torch.randn(4, 1)}
    save_model(model, tmp_path / "m", input_example=example, format=format)
    wide = {"x": torch.randn(9, 3), "scale": torch.randn(9, 1)}
    found = load_model(tmp_path / "m").predict(wide)
    expected = live(model, **wide)
    assert set(found) == set(expected)
    torch.testing.assert_close(found["sum"], expected["sum"])


def test_scripted_and_exported_models_are_saved_as_they_are(tmp_path):
    model, x = trained_resnet().eval(), torch.randn(*IMAGES)
    save_model(torch.jit.script(model), tmp_path / "script")
    program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    save_model(program, tmp_path / "program", input_example=x)
    for name, kind in (("script", "torchscript"), ("program", "export")):
        again = load_model(tmp_path / name)
        assert again.kind == kind
        batch = torch.randn(5, 3, 8, 8)
        torch.testing.assert_close(again.predict(batch), live(model, batch))


def test_scikit_learn_takes_tables_and_gives_them_back(tmp_path):
    frame = pandas.DataFrame(numpy.random.default_rng(0).normal(size=(40, 3)), columns=list("abc"))
    labels = (frame["a"] > 0).astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(frame, labels)
    save_model(model, tmp_path / "m", input_example=frame)
    again = load_model(tmp_path / "m")
    found = again.predict(frame[["c", "b", "a"]].tail(4))
    assert list(found.index) == [36, 37, 38, 39]
    assert list(found) == list(model.predict(frame.tail(4)))
    pandas.testing.assert_frame_equal(again.input_example, frame)
    with pytest.raises(InvalidInput, match="'b'"):
        again.predict(frame[["a", "c"]])
    with pytest.raises(InvalidInput, match="not a PyTorch module"):
        again.torch()


def test_estimators_that_skops_does_not_vouch_for_ask_for_trust_in_exactly_them(tmp_path):
    x = numpy.random.default_rng(0).normal(size=(40, 3))
    model = RandomForestClassifier(5, random_state=0).fit(x, x[:, 0] > 0)
    with pytest.warns(EpochalWarning, match="will ask for trust"):
        saved = save_model(model, tmp_path / "m", input_example=x)
    with pytest.raises(UntrustedModel, match=saved.digest):
        load_model(saved)
    found = load_model(saved, trust=f"sha256:{saved.digest}").predict(x)
    assert (found == model.predict(x)).all()


def test_lists_give_lists_and_tables_give_tables(tmp_path):
    save_model(nn.Linear(2, 1), tmp_path / "m", input_example=torch.zeros(3, 2))
    again = load_model(tmp_path / "m")
    found = again.predict([[1, 2], [3, 4.5]])
    assert isinstance(found, list)
    assert isinstance(found[0][0], float)
    table = again.predict(pandas.DataFrame([[1.0, 2.0]], index=["row"]))
    assert list(table.index) == ["row"]
    with pytest.raises(InvalidInput, match="differ in length"):
        again.predict([[1.0], [1.0, 2.0]])


def test_saving_leaves_modes_and_random_states_as_they_were(tmp_path):
    model, x = trained_resnet(), torch.randn(*IMAGES)
    model.train()
    model.blocks[1].eval()
    statistics = model.blocks[0].norm.running_mean.clone()
    torch.manual_seed(7)
    random.seed(7)
    numpy.random.seed(7)  # noqa: NPY002 - the global state is under test
    expected = (torch.rand(1).item(), random.random(), numpy.random.random())  # noqa: NPY002
    torch.manual_seed(7)
    random.seed(7)
    numpy.random.seed(7)  # noqa: NPY002
    save_model(
        model,
        tmp_path / "m",
        input_example=x,
        init_args={"width": 8, "blocks": 2, "classes": 5},
    )
    load_model(tmp_path / "m")
    assert (torch.rand(1).item(), random.random(), numpy.random.random()) == expected  # noqa: NPY002
    assert model.training
    assert [block.training for block in model.blocks] == [True, False]
    assert torch.equal(model.blocks[0].norm.running_mean, statistics)
    assert all(value.grad is None for value in model.parameters())


class Forgetful(nn.Module):
    """A module with state that its weights do not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.offset = 0.0

    def forward(self, x):
        return self.layer(x) + self.offset


def test_a_model_that_answers_differently_after_loading_is_refused(tmp_path):
    model = Forgetful()
    model.offset = 3.0
    x = torch.zeros(2, 2)
    with pytest.raises(InvalidInput, match="differs by up to 3"):
        save_model(model, tmp_path / "m", input_example=x, program=False)
    assert list(tmp_path.iterdir()) == []
    with pytest.warns(EpochalWarning, match="differs by up to 3"):
        save_model(model, tmp_path / "m", input_example=x, program=False, check="warn")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_model(model, tmp_path / "n", input_example=x, program=False, check=False)


def test_a_compiled_module_is_saved_as_what_it_compiles(tmp_path):
    model, x = nn.Linear(3, 2), torch.randn(2, 3)
    save_model(torch.compile(model), tmp_path / "m", input_example=x)
    again = load_model(tmp_path / "m")
    assert type(again.torch()) is nn.Linear
    assert torch.equal(again.predict(x), live(model, x))


def test_an_example_that_the_model_does_not_take_is_told(tmp_path):
    with pytest.raises(InvalidInput, match="does not take the input example"):
        save_model(nn.Linear(2, 1), tmp_path / "m", input_example=torch.zeros(1, 3))
    with pytest.raises(InvalidInput, match="neither numbers nor strings"):
        save_model(nn.Linear(2, 1), tmp_path / "m", input_example=object())
    assert list(tmp_path.iterdir()) == []


def test_a_device_that_is_not_there_is_told(tmp_path):
    save_model(nn.Linear(2, 1), tmp_path / "m")
    for device in ("nonsense", "cuda:93"):
        with pytest.raises(InvalidInput, match="cannot be used here"):
            load_model(tmp_path / "m", device=device)


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine").write_text("x")
    with pytest.raises(Conflict, match="exists already"):
        save_model(nn.Linear(2, 1), tmp_path / "m")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("given", [lambda x: x, object(), 3, {"state": 1}])
def test_what_is_no_model_is_refused(tmp_path, given):
    with pytest.raises(InvalidInput, match="cannot be saved as a model"):
        save_model(given, tmp_path / "m")


def test_a_format_that_does_not_fit_is_told(tmp_path):
    with pytest.raises(InvalidInput, match="'torch' or 'torchscript'"):
        save_model(nn.Linear(2, 1), tmp_path / "m", format="sklearn")
    with pytest.raises(InvalidInput, match="example"):
        save_model(nn.Linear(2, 1), tmp_path / "m", format="onnx")
    with pytest.raises(InvalidInput, match="plain JSON"):
        save_model(nn.Linear(2, 1), tmp_path / "m", metadata={"x": {1, 2}})


def test_two_equal_models_have_equal_weights_files(tmp_path):
    model = nn.Linear(4, 4)
    first, second = save_model(model, tmp_path / "a"), save_model(model, tmp_path / "b")
    files = [saved.description.files["weights.safetensors"] for saved in (first, second)]
    assert files[0] == files[1]
