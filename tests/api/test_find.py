from __future__ import annotations

import pytest

from epochal.api import Reader
from epochal.domain.names import run_uid
from epochal.errors import InvalidInput, NotFound


@pytest.mark.parametrize(
    "text",
    [
        "mnist/alpha",
        "local/mnist/alpha",
        " mnist/alpha ",
        "first run",
        run_uid("local", "mnist", "alpha"),
    ],
)
def test_a_run_is_found_by_any_name_that_is_enough(reader: Reader, text: str) -> None:
    """uid, project/id, entity/project/id, or a name that only one run has."""
    assert reader.run(text).uid == run_uid("local", "mnist", "alpha")


def test_a_project_may_hold_slashes(reader: Reader) -> None:
    """The last slash ends the project, as an id has none."""
    assert reader.run("other/name/alpha").name == "elsewhere"


def test_an_id_that_is_used_twice_is_refused_with_the_list(reader: Reader) -> None:
    """The message can be copied from."""
    with pytest.raises(InvalidInput) as caught:
        reader.run("alpha")
    assert "mnist/alpha" in str(caught.value)
    assert "other/name/alpha" in str(caught.value)


def test_a_project_makes_an_id_unique(reader: Reader) -> None:
    """As an argument instead of a prefix."""
    assert reader.run("alpha", project="mnist").name == "first run"


def test_a_name_that_is_used_twice_is_refused_with_the_list(reader: Reader) -> None:
    """Ids tell the twins apart."""
    with pytest.raises(InvalidInput, match="mnist/beta") as caught:
        reader.run("twin")
    assert "mnist/gamma" in str(caught.value)


@pytest.mark.parametrize("text", ["nobody", "mnist/nobody", "nowhere/alpha", 'a"b\\c', "a" * 500])
def test_an_unknown_run_is_told_where_to_look(reader: Reader, text: str) -> None:
    """The projects that there are stand in the message."""
    with pytest.raises(NotFound, match="mnist"):
        reader.run(text)


def test_an_empty_name_is_no_run(reader: Reader) -> None:
    """Nor is white space."""
    with pytest.raises(InvalidInput, match="named by its id"):
        reader.run(" ")


def test_a_project_must_be_named_when_there_are_several(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EPOCHAL_PROJECT names it as well."""
    with pytest.raises(InvalidInput, match="name a project; there are other/name, mnist"):
        reader.runs()
    with pytest.raises(NotFound, match="no project 'nix'"):
        reader.runs("nix")
    monkeypatch.setenv("EPOCHAL_PROJECT", "mnist")
    assert len(reader.runs()) == 3
    assert len(reader.runs("local/mnist")) == 3
