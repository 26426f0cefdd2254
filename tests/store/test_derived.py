"""The console and the config of a run are files of it, once it has ended."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import epochal
from epochal.errors import NotFound
from epochal.store.derived import yaml_lines
from tests.api.recorded import record

yaml = pytest.importorskip("yaml")

SCRIPT = """
import epochal
quiet = epochal.Settings(system_interval=0, silent=True, git=False, environment=False)
config = {"lr": 1e-05, "net": {"width": 3, "on": True}, "words": ["a", "b: c"]}
with epochal.init(project="p", id="made", settings=quiet, config=config) as run:
    print("hello")
    print("world")
    names = [file.path for file in run.files()]
    assert names == [], names
with epochal.init(project="p", id="saved", settings=quiet, config={"a": 1}) as run:
    open("output.log", "w").write("my own")
    run.save("output.log", policy="now")
    print("not this")
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made") / "home"
    home.mkdir(mode=0o700)
    record(home, SCRIPT)
    return home


def test_console_and_config_are_files_of_a_run_that_ended(runs: Path, tmp_path: Path) -> None:
    """Listed, read, downloaded and checked like any other; not while it goes on."""
    run = epochal.connect(home=runs).run("p/made")
    assert [file.path for file in run.files()] == ["config.yaml", "output.log"]
    assert run.file("output.log").read() == b"hello\nworld\n"
    run.download(tmp_path)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == {
        "lr": 1e-05, "net": {"width": 3, "on": True}, "words": ["a", "b: c"],
    }  # fmt: skip


def test_a_file_that_was_saved_is_not_hidden(runs: Path) -> None:
    run = epochal.connect(home=runs).run("p/saved")
    assert run.file("output.log").read() == b"my own"
    with pytest.raises(NotFound):
        run.file("other.log")


WORDS = st.text(max_size=50)
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_every_config_reads_back_the_same(config: dict[str, Any]) -> None:
    text = "".join(f"{line}\n" for line in yaml_lines(config))
    assert (yaml.safe_load(text) or {}) == config


def test_a_number_that_is_none_reads_back() -> None:
    found = yaml.safe_load("\n".join(yaml_lines({"a": math.nan, "b": [math.inf, -math.inf]})))
    assert math.isnan(found["a"])
    assert found["b"] == [math.inf, -math.inf]
