"""Values between steps come back as they were, from files that run no code."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import pickle
from pathlib import Path
from typing import Any

import msgspec
import numpy
import pydantic
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from epochal.domain.artifact import read_manifest
from epochal.domain.pipeline import Stored
from epochal.errors import EpochalError, InvalidInput, NotFound, PermissionDenied
from epochal.journal.blobs import Blobs
from epochal.pipelines import register
from epochal.pipelines.keeping import keep, load, still_there


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: Any = None


class Shape(msgspec.Struct):
    sides: int


class Net(nn.Module):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.width = width
        self.first = nn.Linear(width, 4)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("loose", torch.ones(2), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.first(x))


class Scale:
    def __init__(self, by: float) -> None:
        self.by = by

    def __call__(self, x: Any) -> Any:
        return x * self.by


class Numbers(Dataset[Any]):
    def __init__(self, transform: Any) -> None:
        self.data = torch.arange(10.0)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        return self.transform(self.data[index])


class Mesh:
    def __init__(self, corners: int) -> None:
        self.corners = corners
        self.file = open("/dev/null")  # noqa: SIM115 - what no serializer of ours keeps

    def __del__(self) -> None:
        self.file.close()


class Tokenizer:
    """Saves itself like those of Hugging Face."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def save_pretrained(self, folder: str) -> None:
        (Path(folder) / "vocab.txt").write_text("\n".join(self.words))

    @classmethod
    def from_pretrained(cls, folder: str) -> Tokenizer:
        return cls((Path(folder) / "vocab.txt").read_text().split("\n"))


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path)


def there_and_back(blobs: Blobs, value: Any) -> Any:
    """Keep a value twice, which must give one digest, and load it."""
    stored = keep(blobs, value)
    assert keep(blobs, value) == stored
    return load(blobs, stored)


PLAIN: list[tuple[str, Any]] = [
    ("scalars", [None, True, 1, 1.5, "x", b"y", 2**80, -(2**63), 1 + 2j]),
    ("special floats", [float("inf"), -0.0]),
    ("containers", {"t": (1, [2]), "s": {1, 2}, 3: frozenset({"a"}), (1, 2): range(3)}),
    ("a dict that looks like a tag", {"$tuple": [1]}),
    (
        "times",
        [datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC), datetime.timedelta(1, 2, 3)],
    ),
    ("decimals", decimal.Decimal("1.10")),
    ("lone surrogates", ["\ud800", {"\udfff": 1}]),
    ("an enum", Color.RED),
    ("a dataclass", Point(1, Point(2))),
    ("a struct", Shape(3)),
    ("a class and a function", [Point, there_and_back]),
    ("NumPy scalars", numpy.float32(1.5)),
    ("torch's words", [torch.float16, torch.Size([2, 3])]),
]


@pytest.mark.parametrize(("what", "value"), PLAIN, ids=[row[0] for row in PLAIN])
def test_plain_values_come_back_with_their_types(blobs: Blobs, what: str, value: Any) -> None:
    again = there_and_back(blobs, value)
    assert again == value, what
    assert repr(again) == repr(value)


def test_nan_comes_back() -> None:
    """It is the one float that no text of JSON has."""
    from epochal.pipelines import plain

    assert numpy.isnan(plain.decode(plain.encode(float("nan"))))


def test_pydantic_models_come_back(blobs: Blobs) -> None:
    again = there_and_back(blobs, Settings(rate=0.5, names=["a"]))
    assert again == Settings(rate=0.5, names=["a"])
    assert type(again) is Settings


def test_tensors_arrays_and_modules_inside_of_containers_come_back(blobs: Blobs) -> None:
    tensor = torch.arange(6.0).reshape(2, 3)[:, 1:]
    array = numpy.arange(3, dtype="int16")
    value: Any = {"t": [tensor, tensor], "a": array, "m": (nn.Linear(2, 1), 3)}
    again = there_and_back(blobs, value)
    assert torch.equal(again["t"][0], tensor)
    assert again["t"][0] is again["t"][1]
    assert again["a"].dtype == numpy.int16
    assert torch.equal(again["m"][0].weight, value["m"][0].weight)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int64", "bool", "complex64"])
def test_tensors_come_back_bit_by_bit(blobs: Blobs, dtype: str) -> None:
    tensor = torch.ones(3).to(getattr(torch, dtype))
    again = there_and_back(blobs, tensor)
    assert again.dtype == tensor.dtype
    assert torch.equal(again, tensor)


def test_a_parameter_stays_one_and_gradients_are_wanted_again(blobs: Blobs) -> None:
    again = there_and_back(blobs, [nn.Parameter(torch.ones(2)), torch.ones(2, requires_grad=True)])
    assert isinstance(again[0], nn.Parameter)
    assert again[1].requires_grad


def test_a_state_dict_is_a_safetensors_file_that_others_read(blobs: Blobs) -> None:
    from safetensors.torch import load_file

    state = nn.Linear(3, 2).state_dict()
    stored = keep(blobs, dict(state))
    again = load(blobs, stored)
    assert list(again) == list(state)
    entries = read_manifest(blobs.read(stored.digest)).entries
    digest = entries["tensors.safetensors"].digest
    assert digest is not None
    assert torch.equal(load_file(blobs.path(digest))["weight"], state["weight"])


def test_an_optimizer_state_comes_back(blobs: Blobs) -> None:
    net = nn.Linear(2, 1)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    again = there_and_back(blobs, state)
    fresh = torch.optim.Adam(net.parameters())
    fresh.load_state_dict(again)
    assert torch.equal(fresh.state_dict()["state"][0]["exp_avg"], state["state"][0]["exp_avg"])


def test_a_module_comes_back_with_modes_buffers_and_attributes(blobs: Blobs) -> None:
    """Class, weights, modes, loose buffers and plain attributes; twice the same bytes."""
    net: Any = Net(5)
    net.norm.eval()
    net.loose.mul_(3)
    net.best = 0.75
    net.first.weight.requires_grad_(False)
    again = there_and_back(blobs, net)
    x = torch.ones(2, 5)
    assert type(again).__name__ == "Net"
    assert torch.equal(again(x), net(x))
    assert (again.training, again.norm.training) == (True, False)
    assert again.loose.tolist() == [3.0, 3.0]
    assert again.best == 0.75
    assert not again.first.weight.requires_grad
    assert again.first.bias.requires_grad


def test_a_module_with_tied_weights_has_them_tied_again(blobs: Blobs) -> None:
    net: Any = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    again = there_and_back(blobs, net)
    assert again[0].weight is again[1].weight


def test_a_module_with_hooks_or_strange_attributes_is_refused_by_name(blobs: Blobs) -> None:
    net = Net()
    net.first.register_forward_hook(lambda *_: None)
    with pytest.raises(InvalidInput, match="'first' has hooks"):
        keep(blobs, net)
    other: Any = Net()
    other.thing = lambda: None
    with pytest.raises(InvalidInput, match="thing"):
        keep(blobs, other)


def test_a_data_loader_comes_back_with_its_order_and_transforms(blobs: Blobs) -> None:
    """Dataset, batches, shuffling and the state of the generator."""
    generator = torch.Generator().manual_seed(7)
    loader = DataLoader(Numbers(Scale(2.0)), batch_size=4, shuffle=True, generator=generator)
    stored = keep(blobs, loader)
    assert len(stored.classes) == 2
    one = [batch.tolist() for batch in load(blobs, stored)]
    other = [batch.tolist() for batch in load(blobs, stored)]
    assert one == other == [batch.tolist() for batch in loader]


def test_a_plain_loader_and_a_loader_with_an_own_sampler_come_back(blobs: Blobs) -> None:
    data = TensorDataset(torch.arange(6))
    plain = there_and_back(blobs, DataLoader(data, batch_size=4, drop_last=True))
    assert [batch[0].tolist() for batch in plain] == [[0, 1, 2, 3]]
    sampler = torch.utils.data.SubsetRandomSampler([5])
    own = there_and_back(blobs, DataLoader(data, sampler=sampler))
    assert [batch[0].tolist() for batch in own] == [[5]]


def test_a_lambda_inside_of_a_dataset_is_refused_and_named(blobs: Blobs) -> None:
    with pytest.raises(InvalidInput, match="define it with 'def'"):
        keep(blobs, DataLoader(Numbers(lambda x: x)))


def test_tables_come_back_exactly(blobs: Blobs) -> None:
    import pandas
    import polars
    import pyarrow

    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[3, 4])
    assert there_and_back(blobs, frame).equals(frame)
    series = pandas.Series([1.0, 2.0])
    assert there_and_back(blobs, series).equals(series)
    assert there_and_back(blobs, polars.DataFrame({"a": [1]})).equals(polars.DataFrame({"a": [1]}))
    table = pyarrow.table({"a": [1, 2]})
    assert there_and_back(blobs, table).equals(table)
    with pytest.raises(InvalidInput, match="Parquet"):
        keep(blobs, pandas.DataFrame({"a": [object(), 1]}))


def test_paths_come_back_with_their_content(blobs: Blobs, tmp_path: Path) -> None:
    """As private copies: writing into one changes nothing that was kept."""
    folder = tmp_path / "data"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.txt").write_text("a")
    stored = keep(blobs, folder)
    again = load(blobs, stored)
    assert again.name == "data"
    (again / "inner" / "a.txt").write_text("changed")
    assert (load(blobs, stored) / "inner" / "a.txt").read_text() == "a"
    assert there_and_back(blobs, folder / "inner" / "a.txt").read_text() == "a"
    with pytest.raises(InvalidInput, match="does not exist"):
        keep(blobs, tmp_path / "missing")


def test_images_and_estimators_come_back(blobs: Blobs) -> None:
    from PIL import Image
    from sklearn.linear_model import LogisticRegression

    image = Image.new("RGB", (2, 3), (1, 2, 3))
    assert there_and_back(blobs, image).tobytes() == image.tobytes()
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    assert there_and_back(blobs, model).predict([[5.0]]).tolist() == [1]


def test_what_saves_itself_as_pretrained_comes_back(blobs: Blobs) -> None:
    assert there_and_back(blobs, Tokenizer(["a", "b"])).words == ["a", "b"]


def test_an_own_serializer_takes_ten_lines(blobs: Blobs) -> None:
    """Before that its class is refused, with the ways out."""
    with pytest.raises(InvalidInput, match="register"):
        keep(blobs, Mesh(3))
    register(
        Mesh,
        save=lambda mesh, folder: (folder / "mesh.txt").write_text(str(mesh.corners)),
        load=lambda folder: Mesh(int((folder / "mesh.txt").read_text())),
    )
    assert there_and_back(blobs, Mesh(7)).corners == 7


def test_pickles_are_written_and_read_only_when_asked_for(blobs: Blobs) -> None:
    """Twice: where it is written, and where it is read."""
    value = Reduced(4)
    with pytest.raises(InvalidInput, match="pickled"):
        keep(blobs, value)
    stored = keep(blobs, value, pickle=True)
    assert stored.serializer == "pickle"
    with pytest.raises(PermissionDenied, match="runs the code in it"):
        load(blobs, stored)
    assert load(blobs, stored, pickle=True).n == 4


def test_a_pickle_is_refused_where_another_value_is_expected(blobs: Blobs) -> None:
    """Nothing but the serializer that wrote a value reads it."""
    evil = blobs.put(pickle.dumps(Reduced(1)))
    forged = Stored(evil.digest, evil.size, 1, evil.size, "tree", "dict")
    with pytest.raises(EpochalError):
        load(blobs, forged)


def test_equal_values_are_stored_once(blobs: Blobs) -> None:
    first = keep(blobs, numpy.arange(1000))
    before = len(list(blobs.digests()))
    assert keep(blobs, numpy.arange(1000)) == first
    assert len(list(blobs.digests())) == before


def test_a_value_whose_bytes_are_gone_is_not_there(blobs: Blobs) -> None:
    stored = keep(blobs, [1, 2])
    assert still_there(blobs, [stored])
    part = next(iter(read_manifest(blobs.read(stored.digest)).digests()))
    blobs.remove(part)
    assert not still_there(blobs, [stored])
    with pytest.raises(NotFound):
        load(blobs, stored)


class Reduced:
    def __init__(self, n: int) -> None:
        self.n = n

    def __reduce__(self) -> Any:
        return Reduced, (self.n,)


class Settings(pydantic.BaseModel):
    rate: float
    names: list[str]
