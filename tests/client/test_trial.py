"""What an agent tells a process: the first run becomes the trial."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import epochal
from epochal.client import trial as trials
from epochal.client.trial import VARIABLE, Trial, merge, read_trial
from epochal.errors import InvalidInput


@pytest.fixture
def told(home: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    found = Trial("s1", "s1-0", "local", "demo", {"lr": 0.5}, str(home / "sweeps" / "stop"))
    monkeypatch.setenv(VARIABLE, msgspec.json.encode(found).decode())
    monkeypatch.setenv("EPOCHAL_SILENT", "1")
    monkeypatch.setattr(trials, "_runs", {})
    return found


def test_the_first_run_is_the_trial_and_names_its_sweep(told: Trial) -> None:
    """Whatever `init` says about project, id and resuming."""
    with epochal.init(project="x", id="y", config={"lr": 1, "z": 2}, resume="must") as run:
        assert (run.project, run.id, dict(run.config)) == ("demo", "s1-0", {"lr": 0.5, "z": 2})
        assert trials.run_of("s1-0") is run
    with epochal.init(project="x") as other:
        assert other.project == "x"
        assert not other.should_stop


def test_should_stop_becomes_true_when_the_file_appears(
    told: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And stays so; runs that are no trials never stop."""
    monkeypatch.setattr(trials, "LOOK_S", 0.0)
    with epochal.init() as run:
        assert not run.should_stop
        Path(told.stop).parent.mkdir()
        Path(told.stop).touch()
        assert run.should_stop
        Path(told.stop).unlink()
        assert run.should_stop


def test_a_variable_that_is_no_trial_is_refused() -> None:
    assert read_trial({}) is None
    with pytest.raises(InvalidInput, match="is no trial of a sweep"):
        read_trial({VARIABLE: "{}"})


def test_merging_joins_mappings_and_replaces_the_rest() -> None:
    given = {"a": {"x": 1, "y": {"z": 2}}, "b": 3}
    assert merge(given, {"a": {"y": {"z": 9}}, "b": {"c": 4}, "d": 5}) == {
        "a": {"x": 1, "y": {"z": 9}},
        "b": {"c": 4},
        "d": 5,
    }
