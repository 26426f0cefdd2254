"""The table of bad input: each gets its answer, at most one clear message, and never an
exception (issue "Bad input", F29, F30).
"""

from __future__ import annotations

import decimal
import enum
import fractions
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import epochal
from epochal.errors import EpochalWarning, InvalidInput
from tests.client.scripts import read_home

Begin = Callable[..., epochal.Run]


class Hostile:
    """Raises wherever it is touched."""

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    def __float__(self) -> float:
        raise RuntimeError("float")


class Level(float, enum.Enum):
    HIGH = 2.5


def numpy_value(text: str) -> Any:
    numpy = pytest.importorskip("numpy")
    return eval(text, {"np": numpy})


def torch_value(text: str) -> Any:
    torch = pytest.importorskip("torch")
    return eval(text, {"torch": torch})


STORED: list[tuple[str, Callable[[], Any], Any]] = [
    ("a bool", lambda: True, True),
    ("a big int as a float", lambda: 2**70, float(2**70)),
    ("a huge int as infinity", lambda: -(10**400), -math.inf),
    ("the largest 64-bit int", lambda: 2**63 - 1, 2**63 - 1),
    ("minus zero", lambda: -0.0, -0.0),
    ("a decimal", lambda: decimal.Decimal("1.5"), 1.5),
    ("a fraction", lambda: fractions.Fraction(1, 4), 0.25),
    ("an enum of floats", lambda: Level.HIGH, 2.5),
    ("a float64", lambda: numpy_value("np.float64(0.25)"), 0.25),
    ("a float16", lambda: numpy_value("np.float16(0.25)"), 0.25),
    ("a longdouble", lambda: numpy_value("np.longdouble(0.25)"), 0.25),
    ("an int8", lambda: numpy_value("np.int8(-3)"), -3),
    ("a uint64 past int64", lambda: numpy_value("np.uint64(2**64-1)"), float(2**64 - 1)),
    ("a NumPy bool", lambda: numpy_value("np.bool_(True)"), True),
    ("a 0-d array", lambda: numpy_value("np.array(2.5)"), 2.5),
    ("an array of one", lambda: numpy_value("np.array([[2.5]])"), 2.5),
    ("a tensor", lambda: torch_value("torch.tensor(2.5)"), 2.5),
    ("a tensor of one", lambda: torch_value("torch.tensor([7])"), 7),
    (
        "a tensor with a gradient",
        lambda: torch_value("torch.tensor(1.0, requires_grad=True)"),
        1.0,
    ),
    ("bfloat16", lambda: torch_value("torch.tensor(1.5, dtype=torch.bfloat16)"), 1.5),
    ("a boolean tensor", lambda: torch_value("torch.tensor(True)"), True),
]

SKIPPED: list[tuple[str, Callable[[], Any], str]] = [
    ("None", lambda: None, "None"),
    ("complex", lambda: 1 + 2j, "complex is no number"),
    ("bytes", lambda: b"abc", "bytes is no number"),
    ("an object", object, "object is no number"),
    ("a hostile object", Hostile, "Hostile is no number"),
    ("a function", lambda: len, "is no number"),
    ("an array", lambda: numpy_value("np.zeros((2, 3))"), r"shape \(2, 3\)"),
    ("an empty array", lambda: numpy_value("np.zeros(0)"), r"shape \(0,\)"),
    ("a complex scalar", lambda: numpy_value("np.complex64(1j)"), "complex is no number"),
    ("a date", lambda: numpy_value("np.datetime64('2020-01-01')"), "no number"),
    ("a tensor of many", lambda: torch_value("torch.zeros(3)"), r"shape \(3,\)"),
    ("a complex tensor", lambda: torch_value("torch.tensor(1j)"), "complex is no number"),
    ("a meta tensor", lambda: torch_value("torch.zeros((), device='meta')"), "log"),
]


def twice(*calls: dict[Any, Any]) -> None:
    """Log one after the other."""
    for data in calls:
        epochal.log(data)


@pytest.mark.parametrize("name,make,stored", STORED, ids=[row[0] for row in STORED])
def test_a_number_of_any_kind_is_stored(
    name: str, make: Callable[[], Any], stored: Any, begin: Begin, home: Path
) -> None:
    begin()
    value = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EpochalWarning)
        epochal.log({"x": value})
        epochal.log({"x": value})
    epochal.finish()
    (told,) = read_home(home)
    assert told.points("x") == [(0, stored), (1, stored)]
    assert {type(read) for _, read in told.points("x")} == {type(stored)}


@pytest.mark.parametrize("name,make,message", SKIPPED, ids=[row[0] for row in SKIPPED])
def test_what_is_no_number_is_skipped_with_one_warning(
    name: str, make: Callable[[], Any], message: str, begin: Begin, home: Path
) -> None:
    begin()
    value = make()
    with pytest.warns(EpochalWarning, match=message) as caught:
        twice({"x": value, "ok": 1}, {"x": value, "ok": 2})
    assert len(caught) == 1
    epochal.finish()
    (told,) = read_home(home)
    if "meta" not in name:
        assert told.points("ok") == [(0, 1), (1, 2)]
    assert told.points("x") == []


def test_texts_and_lists_become_text_records(begin: Begin, home: Path) -> None:
    begin()
    epochal.log({"s": "hello", "l": [1, "two", {"three": 3.0}], "ok": 1}, step=4)
    epochal.log({"surrogate": "\ud800", "nul": "a\0b"})
    epochal.finish()
    (told,) = read_home(home)
    from epochal.domain.record import Text

    texts = {fact.key: (fact.step, fact.value) for fact in told.all(Text)}
    assert texts["s"] == (4, "hello")
    assert texts["l"] == (4, [1, "two", {"three": 3.0}])
    assert texts["surrogate"] == (4, "?")
    assert texts["nul"] == (4, "a\0b")
    assert told.points("ok") == [(4, 1)]


def test_a_cycle_is_left_out(begin: Begin, home: Path) -> None:
    begin()
    data: dict[str, Any] = {"a": 1}
    data["self"] = {"again": data}
    with pytest.warns(EpochalWarning, match="contains itself"):
        epochal.log(data)
    epochal.finish()
    (told,) = read_home(home)
    assert told.rows == [(["a"], 0, [1])]


def test_a_thousand_levels_are_cut(begin: Begin, home: Path) -> None:
    begin()
    data: dict[str, Any] = {"leaf": 1}
    for _ in range(1000):
        data = {"d": data, "n": 1}
    with pytest.warns(EpochalWarning, match="deeper than 32"):
        epochal.log(data)
    epochal.finish()
    (told,) = read_home(home)
    assert len(told.rows[0][0]) == 32


def test_a_hundred_thousand_leaves_are_the_limit(begin: Begin, home: Path) -> None:
    begin()
    with pytest.warns(EpochalWarning, match="100,000"):
        epochal.log({f"k{i}": i for i in range(100_500)})
    epochal.finish()
    (told,) = read_home(home)
    assert len(told.rows[0][0]) == 100_000


KEYS: list[tuple[Any, str]] = [
    (5, "5"),
    (None, "None"),
    (("a", 1), "('a', 1)"),
    (b"x", "b'x'"),
    ("", "(empty)"),
    ("x" * 10_000_000, "x" * 1024),
    ("tab\tnew\nline", "tab\ufffdnew\ufffdline"),
    ("\ud800", "\ufffd"),
    ("evil\u202egnp.exe", "evil\ufffdgnp.exe"),
]


@pytest.mark.parametrize("key,stored", KEYS, ids=[stored[:12] for _, stored in KEYS])
def test_a_strange_key_is_made_usable_with_one_warning(
    key: Any, stored: str, begin: Begin, home: Path
) -> None:
    begin()
    with pytest.warns(EpochalWarning) as caught:
        twice({key: 1}, {key: 2})
    assert len(caught) == 1
    assert len(str(caught[0].message)) < 400
    epochal.finish()
    (told,) = read_home(home)
    assert told.points(stored) == [(0, 1), (1, 2)]


def test_emoji_and_spaces_are_fine(begin: Begin, home: Path) -> None:
    begin()
    epochal.log({"🔥 loss / größe": 1})
    epochal.finish()
    (told,) = read_home(home)
    assert told.points("🔥 loss / größe") == [(0, 1)]


@pytest.mark.parametrize("data", [None, 5, "loss", [("a", 1)], object(), {"a"}])
def test_what_is_no_mapping_is_refused_with_one_warning(data: Any, begin: Begin) -> None:
    begin()
    with pytest.warns(EpochalWarning, match="takes a dict"):
        epochal.log(data)


ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({"project": 5}, "project name"),
    ({"project": "bad\x00name"}, "control character"),
    ({"project": "x" * 300}, "limit is 256"),
    ({"entity": "a\u202eb"}, "control character"),
    ({"id": "a/b"}, "run id"),
    ({"id": 17}, "run id"),
    ({"name": ["x"]}, "run name"),
    ({"name": "   "}, "empty"),
    ({"tags": "single"}, "list of strings"),
    ({"tags": [1]}, "tag must be a string"),
    ({"tags": 5}, "list of strings"),
    ({"notes": 5}, "notes"),
    ({"group": 5}, "group"),
    ({"job_type": "\n"}, "job type"),
    ({"config": 5}, "config must be a mapping"),
    ({"mode": "sometimes"}, "mode must be one of"),
    ({"resume": 5}, "resume must be"),
    ({"reinit": "perhaps"}, "reinit must be"),
    ({"resume_from": "abc"}, "resume_from must look like"),
    ({"resume_from": "abc?_step=-1"}, "resume_from must look like"),
    ({"settings": 5}, "settings must be"),
    ({"settings": {"system_interval": "often"}}, "number of seconds"),
    ({"settings": {"ranks": "some"}}, "ranks must be one of"),
    ({"dir": 5}, "dir must be a path"),
    ({"settings": {"url": "ftp://x"}}, "server's address"),
]


@pytest.mark.parametrize("arguments,message", ARGUMENTS, ids=[str(a)[:40] for a, _ in ARGUMENTS])
def test_init_refuses_before_anything_is_created(
    arguments: dict[str, Any], message: str, home: Path
) -> None:
    with pytest.raises(InvalidInput, match=message):
        epochal.init(**arguments)
    assert list(home.iterdir()) == []
    assert not epochal.run


def test_an_unknown_argument_is_named_with_its_nearest(begin: Begin) -> None:
    with pytest.warns(EpochalWarning, match="'projct'; did you mean 'project'"):
        begin(projct="x")


def test_an_unknown_setting_is_named_with_its_nearest() -> None:
    with pytest.warns(EpochalWarning, match="'exit_timout' is unknown.*'exit_timeout'"):
        epochal.Settings(exit_timout=5)


class Raising:
    """Everything about it raises."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(name)

    def __repr__(self) -> str:
        raise ZeroDivisionError

    __hash__ = object.__hash__


def test_a_value_or_key_that_raises_costs_only_itself(begin: Begin, home: Path) -> None:
    """The rest of the call is kept."""
    run = begin()
    meta = torch.empty((), device="meta")
    with pytest.warns(EpochalWarning, match="cannot be read"):
        run.log({"before": 1, "bad": Raising(), "meta": meta, "a": 2})
    with pytest.warns(EpochalWarning, match="key <Raising> is no string"):
        run.log({Raising(): 3, "b": 4})  # type: ignore[dict-item]
    assert (run.summary["before"], run.summary["a"]) == (1, 2)
    assert (run.summary["<Raising>"], run.summary["b"]) == (3, 4)


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_means_a_directory_is_refused(name: str) -> None:
    """A browser would take it out of the page's address."""
    given: tuple[dict[str, Any], ...] = ({"project": name}, {"id": name}, {"entity": name})
    for arguments in given:
        with pytest.raises(InvalidInput, match="address"):
            epochal.init(**arguments)
