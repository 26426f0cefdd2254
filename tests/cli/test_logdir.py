"""What ``--logdir`` may say, and what is refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from epochal.cli.logdir import Place, following, page_of, read_place
from epochal.errors import EpochalError, InvalidInput, NotFound, Unavailable
from tests.cli.conftest import run_cli
from tests.imports.tensorboard.events import NAME, scalar, write


@pytest.mark.parametrize(
    ("text", "path", "project"),
    [
        ("runs", "runs", None),
        ("mnist:runs", "runs", "mnist"),
        ("my runs:/tmp/a b", "/tmp/a b", "my runs"),
        ("/data/a:b", "/data/a:b", None),
        ("./a:b", "./a:b", None),
    ],
)
def test_a_place_is_a_path_or_a_project_and_a_path(text, path, project):
    assert read_place(text) == Place(Path(path), project)


def test_a_directory_whose_name_has_a_colon_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:b").mkdir()
    assert read_place("a:b") == Place(Path("a:b"), None)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "names no directory"), ("mnist:", "names no directory"),
     ("one,two", "--logdir one --logdir two")],
)  # fmt: skip
def test_what_names_nothing_is_refused(text, words):
    with pytest.raises((InvalidInput, NotFound), match=words):
        read_place(text)


def test_several_directories_are_projects_and_none_is_held_when_one_is_missing(home, tmp_path):
    """The page begins with the project when there is one, else with the list."""
    for name in ("one", "two"):
        write(tmp_path / name / "r" / NAME, scalar("loss", 1, 0.5))
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    with pytest.raises(EpochalError, match="given twice"), following(home, [one, one], print):
        pass
    with pytest.raises(NotFound), following(home, [one, str(tmp_path / "three")], print):
        pass
    with following(home, [one, f"named:{two}"], print) as followers:
        assert [follower.project for follower in followers] == ["one", "named"]
        assert page_of(followers, "/") == "/"
        with pytest.raises(Unavailable), following(home, [one], print):
            pass
    with following(home, [f"named:{one}", f"named:{two}"], print) as followers:
        assert page_of(followers, "/") == "/p/named"
        assert page_of(followers, "/models") == "/models"


def test_a_missing_directory_ends_the_command_before_anything_is_served(home):
    done = run_cli("ui", "--no-browser", "--logdir", "mnist:/no/such", home=home)
    assert done.returncode == NotFound.exit_code
    assert "there is no directory /no/such" in done.stderr
