"""``epochal model``: the registry, and predictions from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import epochal
from tests.cli.conftest import run_cli


def told(*arguments: str, home: Path) -> Any:
    """What a command prints with ``--json``."""
    done = run_cli("model", *arguments, "--json", home=home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_registry_is_kept_from_the_command_line(shop: Path) -> None:
    """Register, name, promote; the history tells who."""
    made = told("register", "detector", "shop/net:v0", "--alias", "first", home=shop)
    assert (made["model"], made["version"], made["aliases"]) == ("detector", 1, ["first"])
    assert told("register", "detector", "shop/net:v1", home=shop)["version"] == 2
    assert told("alias", "detector", "2", "champion", home=shop)["aliases"] == ["champion"]
    assert told("alias", "detector", "1", "champion", home=shop)["version"] == 1
    assert told("alias", "detector", "first", "first", "--remove", home=shop)["aliases"] == [
        "champion"
    ]
    assert told("stage", "detector", "champion", "production", home=shop)["stage"] == "production"
    detail = told("ls", "detector", home=shop)
    assert detail["aliases"] == {"champion": 1}
    assert [(e["before"], e["after"]) for e in detail["events"] if e["name"] == "champion"] == [
        ("2", "1"),
        ("", "2"),
    ]
    assert {row["name"] for row in told("ls", home=shop)["models"]} == {"classifier", "detector"}
    history = run_cli("model", "ls", "detector", "--history", home=shop).stdout
    assert "production" in history
    assert "champion" in history


def test_a_model_version_is_fetched(shop: Path, tmp_path: Path) -> None:
    place = tmp_path / "out"
    got = told("get", "classifier@champion", "--root", str(place), home=shop)
    assert (got["model"], got["root"]) == ("models:/classifier/1", str(place))
    assert (place / "net.txt").read_text() == "weights 1"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["get", "classifier@champ"], 4, "'champion'"),
        (["ls", "clasifier"], 4, "'classifier'"),
        (["alias", "classifier", "9", "x"], 4, "9"),
        (["alias", "classifier", "1", "v2"], 2, "version number"),
        (["stage", "classifier", "1", "best"], 2, "production"),
        (["register", "classifier", "net:nope"], 4, "nope"),
        (["register", "a/b", "net:v0"], 2, "artifact name"),
        (["predict", "classifier@champ", "-i", "x.json"], 2, "x.json"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_says_why(
    things: Path, arguments: list[str], code: int, says: str
) -> None:
    done = run_cli("model", *arguments, home=things)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


# ----------------------------------------------------------------------------------- predictions
@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a registered linear model: it doubles the sum of two numbers."""
    torch = pytest.importorskip("torch")
    home = tmp_path_factory.mktemp("scorer") / "home"
    net = torch.nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        net.weight.fill_(2.0)
    quiet = {"system_interval": 0, "silent": True, "git": False, "environment": False}
    with epochal.init(
        project="p", id="r", settings={**quiet, "console": False, "home": str(home)}
    ) as run:
        logged = run.log_model(net, name="net", input_example=np.zeros((3, 2), "float32"))
        run.link_artifact(logged, "scorer", aliases=["champion"])
    return home


@pytest.mark.parametrize("name", ["scorer", "scorer@champion", "models:/scorer/1", "runs:/r/net"])
def test_a_model_answers_from_a_json_file(scorer: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "x.json").write_text("[[1, 2], [3.5, 4]]")
    done = run_cli("model", "predict", name, "--input", str(tmp_path / "x.json"), home=scorer)
    assert (done.returncode, json.loads(done.stdout)) == (0, [[6.0], [15.0]]), done.stderr


@pytest.mark.parametrize("suffix", ["npy", "csv", "npz"])
@pytest.mark.parametrize("target", ["json", "npy", "csv"])
def test_inputs_and_outputs_may_be_arrays_and_tables(
    scorer: Path, tmp_path: Path, suffix: str, target: str
) -> None:
    values = np.array([[1, 2], [3, 4]], "float32")
    source, output = tmp_path / f"x.{suffix}", tmp_path / f"y.{target}"
    if suffix == "csv":
        pytest.importorskip("pandas")
        source.write_text("a,b\n1.0,2.0\n3.0,4.0\n")
    elif suffix == "npy":
        np.save(source, values)
    else:
        np.savez(source, values)
    done = run_cli("model", "predict", "scorer", "-i", str(source), "-o", str(output), home=scorer)
    assert done.returncode == 0, done.stderr
    if target == "json":
        found = json.loads(output.read_text())
    elif target == "npy":
        found = np.load(output).tolist()
    else:
        found = [[float(cell)] for cell in output.read_text().split()]
    assert found == [[6.0], [14.0]]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.json", b"[[1, 2, 3]]", "3"),
        ("x.json", b"[[1, 2], [3]]", "x.json"),
        ("x.json", b'["a"]', "numbers"),
        ("x.json", b"{", "x.json"),
        ("x.npy", b"no array", "x.npy"),
        ("x.txt", b"1", "endings|.json, .csv"),
    ],
)
def test_inputs_that_do_not_fit_are_named(
    scorer: Path, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    done = run_cli("model", "predict", "scorer", "-i", str(tmp_path / name), home=scorer)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert any(word in done.stderr for word in says.split("|")), done.stderr
    assert "Traceback" not in done.stderr


def test_an_array_of_objects_is_never_unpickled(scorer: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    done = run_cli("model", "predict", "scorer", "-i", str(tmp_path / "x.npy"), home=scorer)
    assert done.returncode == 2
    assert "allow_pickle" in done.stderr
