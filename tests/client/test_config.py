"""The config is a dict with attributes; every change is recorded as plain data."""

from __future__ import annotations

import argparse
import dataclasses
import json
import pickle
from collections import UserList
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import epochal
from epochal.domain.record import Config, Event
from epochal.domain.values import merge_nested
from epochal.errors import InvalidInput
from tests.client.scripts import read_home

Begin = Callable[..., epochal.Run]


def recorded(home: Path) -> dict[str, Any]:
    """The config as a reader of the journal sees it."""
    epochal.finish()
    (told,) = read_home(home)
    config: dict[str, Any] = {}
    for fact in told.all(Config):
        config = merge_nested(config, fact.changes)
        for dotted in fact.removed:
            *above, last = dotted.split(".")
            inner: Any = config
            for part in above:
                inner = inner[part]
            inner.pop(last, None)
    return config


def test_items_and_attributes_are_the_same(begin: Begin, home: Path) -> None:
    run = begin(config={"lr": 0.1, "optim": {"name": "adam", "betas": (0.9, 0.99)}})
    assert run.config.lr == run.config["lr"] == epochal.config.lr == 0.1
    assert run.config.optim.name == epochal.config["optim"]["name"] == "adam"
    run.config.epochs = 3
    run.config["optim"]["name"] = "sgd"
    run.config.optim.nesterov = True
    assert recorded(home) == {
        "lr": 0.1,
        "optim": {"name": "sgd", "betas": [0.9, 0.99], "nesterov": True},
        "epochs": 3,
    }


def test_reading_gives_back_the_very_object(begin: Begin) -> None:
    widths = [16, 32]
    run = begin(config={"widths": widths, "act": len})
    assert run.config.widths is widths
    assert run.config.act is len


def test_it_is_a_dict_for_everybody(begin: Begin) -> None:
    run = begin(config={"a": 1, "b": {"c": 2}})
    assert json.loads(json.dumps(run.config)) == {"a": 1, "b": {"c": 2}}
    assert dict(**epochal.config) == {"a": 1, "b": {"c": 2}}
    assert (
        run.config.as_dict() == pickle.loads(pickle.dumps(run.config)) == {"a": 1, "b": {"c": 2}}
    )
    assert run.config.get("zzz", 7) == 7
    assert "a" in epochal.config
    with pytest.raises(AttributeError, match="keys: a, b"):
        _ = run.config.missing
    assert not hasattr(run.config, "missing")


def test_removed_and_replaced_keys_are_recorded(begin: Begin, home: Path) -> None:
    run = begin(config={"a": 1, "b": {"c": 2, "d": 3}, "e": 5})
    del run.config["a"]
    run.config.b = {"d": 4}
    assert run.config.pop("e") == 5
    assert run.config.pop("e", None) is None
    assert recorded(home) == {"b": {"d": 4}}


def test_a_change_is_allowed_and_noted(begin: Begin, home: Path) -> None:
    run = begin(config={"lr": 0.1})
    run.config.update({"lr": 0.2}, allow_val_change=True)
    run.config.lr = 0.2
    epochal.finish()
    (told,) = read_home(home)
    assert [(e.title, e.text) for e in told.all(Event)] == [
        ("config.lr changed", "from 0.1 to 0.2")
    ]


def test_setdefaults_fills_only_the_gaps(begin: Begin) -> None:
    run = begin(config={"lr": 0.1})
    run.config.setdefaults({"lr": 5, "epochs": 2})
    assert run.config == {"lr": 0.1, "epochs": 2}
    assert run.config.setdefault("epochs", 9) == 2


@dataclasses.dataclass
class Inner:
    width: int = 8


@dataclasses.dataclass
class Arguments:
    lr: float = 0.1
    inner: Inner = dataclasses.field(default_factory=Inner)


class Node:
    """Looks like an OmegaConf node."""

    def keys(self) -> list[str]:
        return ["lr"]

    def __getitem__(self, key: str) -> float:
        return {"lr": 0.1}[key]


@pytest.mark.parametrize(
    "source,stored",
    [
        (argparse.Namespace(lr=0.1, name="x"), {"lr": 0.1, "name": "x"}),
        (
            {"data": argparse.Namespace(size=8, of={"a": SimpleNamespace(b=1)})},
            {"data": {"size": 8, "of": {"a": {"b": 1}}}},
        ),
        (Arguments(), {"lr": 0.1, "inner": {"width": 8}}),
        (Node(), {"lr": 0.1}),
        ({"path": Path("/data"), "kind": Inner, "f": len}, None),
        ({1: "one"}, {"1": "one"}),
    ],
)
def test_config_like_objects_are_understood(
    source: Any, stored: dict[str, Any] | None, begin: Begin, home: Path
) -> None:
    begin(config=source)
    told = recorded(home)
    if stored is None:
        assert told["path"] == "/data"
        assert told["kind"].endswith("Inner")
        assert told["f"] == "len"
    else:
        assert told == stored


def test_values_of_libraries_become_plain(begin: Begin, home: Path) -> None:
    numpy = pytest.importorskip("numpy")
    torch = pytest.importorskip("torch")
    begin(
        config={
            "f": numpy.float32(0.5),
            "a": numpy.arange(3),
            "t": torch.tensor(2),
            "d": torch.float16,
            "big": numpy.zeros((1000, 2)),
            "dev": torch.device("cpu"),
            "huge": 2**80,
            "nan": float("nan"),
        }
    )
    told = recorded(home)
    assert (told["f"], told["a"], told["t"], told["d"]) == (0.5, [0, 1, 2], 2, "torch.float16")
    assert "1000, 2" in told["big"]
    assert "cpu" in told["dev"]
    assert told["huge"] == str(2**80)
    assert told["nan"] != told["nan"]


def test_cycles_and_depth_are_cut(begin: Begin, home: Path) -> None:
    cyclic: dict[str, Any] = {"x": 1}
    cyclic["me"] = cyclic
    cyclic["twice"] = [cyclic, cyclic]
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"d": deep}
    begin(config={"cyclic": cyclic, "deep": deep})
    told = recorded(home)
    assert told["cyclic"]["x"] == 1
    assert told["cyclic"]["me"] == "..."


def test_secrets_are_hidden_in_the_journal_and_readable_in_the_program(
    begin: Begin, home: Path
) -> None:
    run = begin(config={"api_key": "sk-live-0123456789abcdef", "lr": 0.1})
    assert run.config.api_key == "sk-live-0123456789abcdef"
    epochal.finish()
    (told,) = read_home(home)
    assert b"sk-live" not in Path(told.path).read_bytes()


def test_only_the_wanted_keys_are_taken(begin: Begin) -> None:
    source = {"a": 1, "b": 2, "c": 3}
    assert begin(config=source, config_exclude_keys=["b"]).config == {"a": 1, "c": 3}
    epochal.finish()
    assert begin(config=source, config_include_keys=["b"]).config == {"b": 2}


def test_the_tutorials_way_to_set_the_config_works(begin: Begin, home: Path) -> None:
    """``wandb.config = {...}`` sets the run's config instead of replacing the module's
    attribute.
    """
    begin()
    epochal.config = {"learning_rate": 0.001, "epochs": 100}  # type: ignore[misc,assignment]
    assert epochal.config.epochs == 100
    assert recorded(home) == {"learning_rate": 0.001, "epochs": 100}


def test_a_config_of_no_keys_is_refused(begin: Begin) -> None:
    run = begin()
    with pytest.raises(InvalidInput, match="mapping"):
        run.config.update(5)


class Lazy(Mapping[str, Any]):
    """A mapping that computes its values, and cannot compute one: OmegaConf with ``???``."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values_ = values

    def __getitem__(self, key: str) -> Any:
        if self.values_[key] == "???":
            raise RuntimeError("Missing mandatory value")
        return self.values_[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def test_a_value_that_cannot_be_read_is_none(begin: Begin, home: Path) -> None:
    begin(config=Lazy({"lr": 0.1, "out": "???", "inner": Lazy({"a": "???", "b": 2})}))
    assert recorded(home) == {"lr": 0.1, "out": None, "inner": {"a": None, "b": 2}}


def test_a_list_of_another_library_is_a_list(begin: Begin, home: Path) -> None:
    begin(config={"widths": UserList([16, UserList([32])])})
    assert recorded(home) == {"widths": [16, [32]]}


def test_an_object_whose_attributes_raise_is_named(begin: Begin, home: Path) -> None:
    class Hostile:
        def __getattr__(self, name: str) -> Any:
            raise ZeroDivisionError(name)

        def __repr__(self) -> str:
            return "hostile"

    begin(config={"a": 1, "b": Hostile()})
    assert recorded(home) == {"a": 1, "b": "hostile"}
