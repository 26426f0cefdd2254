"""What runs and models ask of the reading side: artifacts, files and models by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import epochal
from epochal.api import Reader, connect
from epochal.api.reading import cache_of, find_artifact, find_files, find_model
from epochal.client.reach import Place
from epochal.errors import DamagedModel, InvalidInput, NotFound
from epochal.journal.blobs import Blobs
from tests.conftest import Server

QUIET = {"system_interval": 0, "silent": True, "git": False, "environment": False}
QUIET |= {"console": False}


@pytest.fixture(params=["local", "http"])
def spot(request: pytest.FixtureRequest, things: Path, served_things: Server) -> Place:
    """Where a run reads that is recorded into a home, alone or with a server."""
    url = served_things.url if request.param == "http" else None
    return Place(things, "local", "shop", url)


def test_a_run_finds_a_version_and_fills_the_cache(spot: Place) -> None:
    """In one directory per digest, under the home."""
    found = find_artifact("digits:best", spot)
    assert (found.path, found.type, found.number) == ("local/shop/digits", "dataset", 0)
    assert (found.state, found.aliases, found.tags) == ("committed", ["best"], ["small"])
    assert found.manifest.digest == found.digest
    root = found.download(only="inner/b.bin")
    assert Path(root) == cache_of(spot.home, found.digest)
    assert os.listdir(root) == ["inner"]
    assert Path(found.download(only="a.txt"), "a.txt").read_text() == "alpha"


def test_a_changed_file_of_the_cache_is_fetched_again(spot: Place) -> None:
    found = find_artifact("digits:v0", spot)
    file = Path(found.download(references=False), "a.txt")
    file.write_text("ALPHA")
    found.download(references=False)
    assert file.read_text() == "alpha"


def test_a_run_finds_the_files_of_a_run(spot: Place, place: Path) -> None:
    uid = connect(home=spot.home).run("shop/maker").uid
    files = {file.path: file for file in find_files(uid, spot)}
    assert files["notes.md"].size == 7
    assert files["notes.md"].download(str(place)) == str(place / "notes.md")
    with pytest.raises(NotFound):
        find_files("0" * 32, spot)


def test_the_training_side_uses_and_downloads(things: Path) -> None:
    """`use_artifact` and `restore` reach the same versions and files."""
    with epochal.init(project="shop", id="again", settings=QUIET) as run:
        used = run.use_artifact("net:latest")
        assert used.version == "v1"
        assert Path(used.download(), "net.txt").read_text() == "weights 2"
        with pytest.raises(NotFound, match="'digits'"):
            run.use_artifact("digit:latest")
    assert [one.name for one in connect().run("shop/again").used_artifacts()] == ["net:v1"]


def test_a_logged_version_can_be_waited_for(things: Path, tmp_path: Path) -> None:
    """Then it has a number."""
    (tmp_path / "f.txt").write_text("new")
    with epochal.init(project="shop", settings=QUIET) as run:
        logged = run.log_artifact(tmp_path / "f.txt", name="fresh", type="dataset").wait(60)
        assert (logged.version, logged.state) == ("v0", "committed")


# ------------------------------------------------------------------------------------------ models
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("models:/classifier/1", "weights 1"),
        ("models:/classifier@champion", "weights 1"),
        ("models:/classifier/latest", "weights 2"),
        ("net:v0", "weights 1"),
        ("shop/net:latest", "weights 2"),
        ("runs:/maker/net", "weights 2"),
        ("runs:/maker/net:v0", "weights 1"),
    ],
)
def test_a_model_is_found_by_any_of_its_names(shop: Reader, name: str, content: str) -> None:
    assert Path(find_model(name, shop), "net.txt").read_text() == content


def test_the_cache_lies_in_the_home_that_is_read(things: Path, tmp_path: Path) -> None:
    """Not in the one that this process would record into."""
    named = tmp_path / "named"
    things.rename(named)
    assert Path(find_model("models:/classifier/1", connect(home=named))).is_relative_to(named)
    assert not things.exists()


def test_a_path_of_a_run_may_be_a_directory_of_files(shop: Reader) -> None:
    found = Path(find_model("runs:/maker/data/inner", shop))
    assert [path.name for path in found.iterdir()] == ["b.bin"]
    inner = Path(find_model("runs:/maker/digits:v0/inner", shop))
    assert [path.name for path in inner.iterdir()] == ["b.bin"]


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("models:/classifer/1", NotFound, "'classifier'"),
        ("models:/classifier@champ", NotFound, "'champion'"),
        ("runs:/maker/nett", NotFound, "its artifacts are digits, net"),
        ("runs:/nobody/net", NotFound, "nobody"),
        ("runs:/maker", InvalidInput, "runs:/<run id>/<artifact>"),
        ("runs:/maker/../x", InvalidInput, r"'\.\.'"),
    ],
)
def test_a_model_that_cannot_be_found_says_why(
    shop: Reader, name: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        find_model(name, shop)


def test_a_model_is_logged_registered_loaded_and_asked(home: Path) -> None:
    """By every kind of name; the answers are those of the live model."""
    torch = pytest.importorskip("torch")
    net = torch.nn.Linear(3, 2)
    batch = torch.arange(12.0).reshape(4, 3)
    with epochal.init(project="p", id="r", settings=QUIET) as run:
        logged = run.log_model(net, name="model", input_example=batch.numpy())
        run.link_artifact(logged, "scorer", aliases=["champion"])
    with torch.no_grad():
        wanted = net(batch)
    for name in ("models:/scorer/1", "models:/scorer@champion", "runs:/r/model", "p/model:v0"):
        model = epochal.load_model(name)
        assert torch.allclose(model.predict(batch), wanted)


def test_a_tampered_model_does_not_load(home: Path) -> None:
    """Neither from a damaged blob nor from a damaged cache."""
    torch = pytest.importorskip("torch")
    with epochal.init(project="p", id="r", settings=QUIET) as run:
        run.log_model(torch.nn.Linear(3, 2), name="model")
    assert epochal.load_model("runs:/r/model").kind == "torch"
    version = connect().artifact("p/model:v0")
    digest = version.manifest.entries["weights.safetensors"].digest or ""
    blob = Blobs(home).path(digest)
    cached = cache_of(home, version.digest) / "weights.safetensors"
    cached.write_bytes(cached.read_bytes()[:-1] + b"X")
    assert epochal.load_model("runs:/r/model").kind == "torch"
    blob.chmod(0o644)
    blob.write_bytes(b"X" + blob.read_bytes()[1:])
    cached.unlink()
    with pytest.raises((DamagedModel, epochal.errors.CorruptFile)):
        epochal.load_model("runs:/r/model")
