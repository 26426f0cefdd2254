"""Media, files, artifacts and models read the same from a home and from a server."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import pytest

from epochal.api import Reader, connect
from epochal.api.object_questions import GetModel, ListMedia, ResolveModel, ResolveVersion
from epochal.api.question import Question
from epochal.errors import Conflict, InvalidInput, NotFound
from tests.conftest import Server


# ------------------------------------------------------------------------------------------- media
def test_media_keys_tell_kind_and_steps(shop: Reader) -> None:
    keys = {one.key: (one.kind, one.steps) for one in shop.run("shop/maker").media_keys()}
    assert keys == {
        "many": ("image", [0, 1, 2]),
        "picture": ("image", [0, 1, 2]),
        "table": ("table", [1]),
        "weights": ("histogram", [1]),
        "words": ("text", [1]),
    }


def test_images_come_back_pixel_for_pixel(shop: Reader) -> None:
    """As bytes, as a file and as an image of Pillow."""
    numpy = pytest.importorskip("numpy")
    items = shop.run("shop/maker").media("picture")
    assert [(one.step, one.caption) for one in items] == [
        (0, "step 0"),
        (1, "step 1"),
        (2, "step 2"),
    ]
    pixels = numpy.asarray(items[2].to_pil())
    assert pixels.shape == (8, 12, 3)
    assert set(pixels.ravel().tolist()) == {80}
    assert items[2].data()[:4] == b"\x89PNG"


def test_items_of_a_list_are_told_apart(shop: Reader) -> None:
    items = shop.run("shop/maker").media("many", lo=1, hi=1)
    assert [(one.step, one.index) for one in items] == [(1, 0), (1, 1)]
    assert items[0].data() != items[1].data()


def test_the_newest_entry_up_to_a_step_is_found(shop: Reader) -> None:
    """A scrubber between two steps shows the earlier one."""
    run = shop.run("shop/maker")
    assert [one.step for one in run.media("picture", at=1)] == [1]
    assert [one.step for one in run.media("pic*", at=99)] == [2]


def test_a_table_comes_back_with_its_types(shop: Reader) -> None:
    """A NaN is a number again, a text that reads NaN stays text."""
    item = shop.run("shop/maker").media("table")[0]
    columns, rows = item.rows()
    assert columns == ["n", "word", "x"]
    assert rows[0] == [1, "one", 0.5]
    assert rows[1][:2] == [2, "NaN"]
    assert math.isnan(rows[1][2])
    frame = item.to_pandas()
    assert list(frame["n"]) == [1, 2]
    assert frame["x"].isna().tolist() == [False, True]


def test_small_media_need_no_bytes(shop: Reader) -> None:
    """A histogram and a short text lie in their description."""
    run = shop.run("shop/maker")
    assert run.media("words")[0].data() == b"hello"
    frame = run.media("weights")[0].to_pandas()
    assert frame["count"].tolist() == [1, 3]
    assert frame["left"].tolist() == [0.0, 1.0]


def test_media_are_saved_under_a_given_or_a_speaking_name(shop: Reader, place: Path) -> None:
    item = shop.run("shop/maker").media("many")[1]
    assert Path(item.save(place)).name == "many-0-1.png"
    assert Path(item.save(place / "x.png")).read_bytes() == item.data()
    with pytest.raises(InvalidInput, match="make it first"):
        item.save(place / "no" / "x.png")


def test_media_of_another_kind_are_refused(shop: Reader) -> None:
    run = shop.run("shop/maker")
    with pytest.raises(InvalidInput, match="no image"):
        run.media("words")[0].to_pil()
    with pytest.raises(InvalidInput, match="no table"):
        run.media("picture")[0].rows()
    with pytest.raises(NotFound, match="it has 'data'"):
        run.media("picture")[0].data("mask:truth")


def test_a_mistyped_key_names_what_is_near(shop: Reader) -> None:
    with pytest.raises(NotFound, match="'picture'"):
        shop.run("shop/maker").media("pictures")
    with pytest.raises(NotFound, match="none at all"):
        shop.run("shop/user").media("picture")


# ------------------------------------------------------------------------------------------- files
def test_files_of_a_run_are_listed_read_and_downloaded(shop: Reader, place: Path) -> None:
    run = shop.run("shop/maker")
    assert [file.path for file in run.files()] == ["data/inner/b.bin", "notes.md"]
    assert run.file("notes.md").read() == b"# Notes"
    written = run.file("data/inner/b.bin").download(place)
    assert written == str(place / "data/inner/b.bin")
    assert hashlib.sha256(Path(written).read_bytes()).hexdigest() == run.files()[0].digest
    with pytest.raises(NotFound, match=r"'notes\.md'"):
        run.file("note.md")


def test_files_that_fit_a_pattern_are_downloaded(shop: Reader, place: Path) -> None:
    shop.run("shop/maker").download(place, "*.md")
    assert [path.name for path in place.rglob("*") if path.is_file()] == ["notes.md"]


# --------------------------------------------------------------------------------------- artifacts
def test_a_version_is_told_in_full(shop: Reader) -> None:
    version = shop.artifact("digits:best", "shop")
    assert (version.name, version.number, version.version) == ("digits:v0", 0, "v0")
    assert (version.type, version.state, version.description) == ("dataset", "committed", "first")
    assert (version.aliases, version.tags) == (["best"], ["small"])
    assert version.metadata["rows"] == 3
    assert math.isnan(version.metadata["bad"])
    assert version.run is not None
    assert version.run.id == "maker"
    assert [run.id for run in version.used_by()] == ["user"]
    assert version.manifest.digest == version.digest


def test_a_version_has_many_names(shop: Reader) -> None:
    """Number, alias, latest, beginning of the digest; with and without its owners."""
    first = shop.artifact("local/shop/digits:v0")
    assert shop.artifact("shop/digits:best").digest == first.digest
    assert shop.artifact(f"digits:{first.digest[:8]}").digest == first.digest
    assert shop.artifact("digits").number == 1
    assert shop.artifact("digits:latest", project="local/shop").number == 1


def test_artifacts_are_listed_with_their_versions(shop: Reader) -> None:
    found = {one.name: one for one in shop.artifacts("shop")}
    assert set(found) == {"digits", "net"}
    assert [version.number for version in found["digits"]] == [1, 0]
    assert [one.name for one in shop.artifacts("shop", type="model")] == ["net"]
    assert found["digits"].latest is not None
    assert found["digits"].latest.number == 1


def test_a_run_tells_what_it_made_and_used(shop: Reader) -> None:
    made = [version.name for version in shop.run("shop/maker").artifacts()]
    assert sorted(made) == ["digits:v0", "digits:v1", "net:v0", "net:v1"]
    assert [one.name for one in shop.run("shop/user").used_artifacts()] == ["digits:v0"]


def test_two_versions_are_compared_by_path(shop: Reader) -> None:
    diff = shop.artifact("digits:v0").diff("v1")
    assert [one.path for one in diff.added] == ["c.txt"]
    assert [one.path for one in diff.changed] == ["a.txt"]
    assert {one.path for one in diff.removed} >= {"far.bin"}
    assert diff.same == 1
    same = shop.artifact("digits:v0").diff(shop.artifact("digits:v1"))
    assert (same.added, same.removed, same.changed) == (diff.added, diff.removed, diff.changed)


def test_lineage_shows_maker_and_user(shop: Reader) -> None:
    graph = shop.artifact("digits:v0").lineage()
    assert {node.name for node in graph.nodes} == {"local/shop/digits:v0", "maker", "user"}
    assert {edge.role for edge in graph.edges} == {"made", "training data"}


def test_what_was_added_as_a_value_comes_back_as_one(
    shop: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    version = shop.artifact("digits:v0")
    table = version.get("report")
    assert (table.columns, table.data) == (["k"], [[7]])
    assert version.get("a.txt").read() == b"alpha"
    with pytest.raises(NotFound, match="no file"):
        version.get("b.txt")


def test_a_reference_that_cannot_be_followed_is_told(shop: Reader, place: Path) -> None:
    """Its path, where it points, and what helps; without references all else comes."""
    version = shop.artifact("digits:v0")
    file = version.get_path("far.bin")
    assert (file.ref, file.size, file.digest) == ("s3://bucket/far.bin", None, None)
    with pytest.raises(NotFound, match="s3://bucket"):
        file.read()
    with pytest.raises(InvalidInput, match=r"far\.bin.*s3://bucket.*references=False"):
        version.download(place)
    version.download(place, references=False)
    assert (place / "a.txt").exists()
    assert not (place / "far.bin").exists()


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("digits:bets", NotFound, "'best'"),
        ("digis", NotFound, "'digits'"),
        ("digits:v9", NotFound, "v9"),
        ("digits:", InvalidInput, "latest"),
        ("a/b/c/d", NotFound, "a/b/c"),
        ("nowhere/digits", NotFound, "nowhere"),
    ],
)
def test_a_name_that_means_nothing_says_what_is_near(
    shop: Reader, name: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        shop.artifact(name)


def test_a_version_of_another_type_is_refused(shop: Reader) -> None:
    with pytest.raises(InvalidInput, match="'dataset', not 'model'"):
        shop.artifact("digits:v0", type="model")


# ---------------------------------------------------------------------------------------- registry
def test_a_model_version_has_many_names(shop: Reader) -> None:
    first = shop.model("classifier@champion")
    assert (first.name, first.version, first.uri) == ("classifier", 1, "models:/classifier/1")
    assert shop.model("models:/classifier/1").digest == first.digest
    assert shop.model("models:/classifier/latest").version == 2
    assert shop.model("classifier").version == 2
    assert first.artifact.name == "net:v0"
    assert first.run is not None
    assert first.run.id == "maker"


def test_the_registry_is_listed_with_its_history(shop: Reader) -> None:
    models = shop.models()
    assert [model.name for model in models] == ["classifier"]
    assert models[0].aliases == {"champion": 1}
    assert [one.version for one in models[0].versions()] == [2, 1]
    assert {event.what for event in models[0].history} == {"created", "alias"}
    assert models[0].latest is not None
    assert models[0].latest.version == 2


@pytest.mark.parametrize(
    ("name", "says"),
    [("classifier@champon", "'champion'"), ("clasifier/1", "'classifier'"), ("classifier/9", "9")],
)
def test_a_model_that_does_not_exist_names_what_is_near(
    shop: Reader, name: str, says: str
) -> None:
    with pytest.raises(NotFound, match=says):
        shop.model(name)


# --------------------------------------------------------------------------------------- two doors
@pytest.mark.parametrize(
    "question",
    [ListMedia("0" * 32), ResolveVersion("local/shop/x:v0"), GetModel("local", "x"),
     ResolveModel("local", "x/1")],
    ids=lambda question: type(question).__name__,
)  # fmt: skip
def test_both_doors_give_equal_errors(
    things: Path, served_things: Server, question: Question[object]
) -> None:
    """Class and words."""
    told = []
    for reader in (connect(home=things), connect(served_things.url)):
        with pytest.raises(NotFound) as caught:
            reader.source.ask(question)
        told.append((type(caught.value), caught.value.message))
    assert told[0] == told[1]


def test_both_doors_give_equal_rows(things: Path, served_things: Server) -> None:
    """Everything that is told of a run and of the registry, field by field."""
    told = []
    for reader in (connect(home=things), connect(served_things.url)):
        run = reader.run("shop/maker")
        told.append(
            repr(
                (
                    run.media_keys(),
                    [(one.meta, one.step, one.present) for one in run.media()],
                    [file.row for file in run.files()],
                    [version.detail for version in run.artifacts()],
                    [one.row for one in reader.artifacts("shop")],
                    reader.registered_model("classifier").detail,
                    reader.collect(),
                )
            )
        )
    assert told[0] == told[1]


# ----------------------------------------------------------------------------------------- changes
def test_aliases_move_and_words_change(own: Reader) -> None:
    version = own.artifact("digits:v1")
    version.add_alias("best", "blue")
    assert own.artifact("digits:best").number == 1
    assert own.artifact("digits:v0").aliases == []
    version.remove_alias("blue").set_aliases(["green"])
    assert sorted(own.artifact("digits:v1").aliases) == ["green", "latest"]
    version.update(tags=["checked"], metadata={"rows": 4}, description="better", ttl=3600)
    read = own.artifact("digits:v1")
    assert (read.tags, read.metadata, read.description) == (["checked"], {"rows": 4}, "better")
    assert read.row.expires_us is not None
    assert version.update(ttl=0).row.expires_us is None
    with pytest.raises(InvalidInput, match="latest"):
        version.add_alias("latest")
    with pytest.raises(InvalidInput, match="version number"):
        version.add_alias("v7")


def test_a_version_with_an_alias_or_a_model_is_not_deleted_by_mistake(own: Reader) -> None:
    with pytest.raises(Conflict, match="best"):
        own.artifact("digits:v0").delete()
    with pytest.raises(Conflict, match="classifier"):
        own.artifact("net:v0").delete(force=True)
    own.artifact("digits:v0").delete(force=True)
    with pytest.raises(NotFound):
        own.artifact("digits:v0")
    collection = next(one for one in own.artifacts("shop") if one.name == "digits")
    assert collection.update(description="hand-drawn").description == "hand-drawn"
    collection.delete()
    assert [one.name for one in own.artifacts("shop")] == ["net"]


def test_models_are_registered_promoted_and_forgotten(own: Reader) -> None:
    """Every change of a stage or an alias is an event that says who made it."""
    model = own.register_model("detector", description="finds", tags={"team": "vision"})
    with pytest.raises(Conflict, match="detector"):
        own.register_model("detector")
    version = model.add_version("shop/net:v1", aliases=["new"], tags={"acc": "0.9"})
    assert (version.uri, version.aliases, version.tags) == (
        "models:/detector/1",
        ["new"],
        {"acc": "0.9"},
    )
    version.set_stage("staging").set_stage("production").add_alias("champion")
    version.set_tags({"acc": None, "f1": "0.8"}).describe("good").remove_alias("new")
    read = own.model("detector@champion")
    assert (read.stage, read.tags, read.description) == ("production", {"f1": "0.8"}, "good")
    changes = [(e.before, e.after) for e in read.model.history if e.what == "stage"]
    assert changes == [("staging", "production"), ("none", "staging")]
    assert all(event.who for event in read.model.history)
    model.rename("finder").set_tags({"team": None}).describe("finds more")
    assert (own.registered_model("finder").tags, own.model("finder").version) == ({}, 1)
    read = own.model("finder")
    read.delete()
    assert own.registered_model("finder").versions() == []
    own.registered_model("finder").delete()
    assert [one.name for one in own.models()] == ["classifier"]


def test_an_unknown_stage_is_refused(own: Reader) -> None:
    with pytest.raises(InvalidInput, match="production"):
        own.model("classifier").set_stage("best")  # type: ignore[arg-type]
    assert own.model("classifier").stage == "none"
