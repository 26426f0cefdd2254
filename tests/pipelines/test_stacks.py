"""The stack in use: which tracker ``tracker=True`` means, and what its file may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from epochal.errors import NotFound
from epochal.journal.home import find_home
from epochal.pipelines import pipeline, step
from epochal.pipelines.components import TRACKER, register, tracker_settings, update
from epochal.pipelines.options import PipelineOptions
from epochal.pipelines.profile import FILE, SECRETS, Stack
from epochal.pipelines.stacks import place, register_stack, tracker_of


@step(tracker=True)
def tracked() -> int:
    return 1


@pipeline
def tracking() -> None:
    tracked()


def test_a_step_that_wants_the_tracker_of_a_stack_without_one_is_refused() -> None:
    with pytest.raises(NotFound, match="stack 'default' has no experiment tracker"):
        tracking()


def test_the_tracker_of_the_stack_in_use_is_what_true_means() -> None:
    home = find_home()
    register(home, TRACKER, "mine", "epochal", {})
    register_stack(home, "set", Stack("mine"), activate=True)
    assert tracker_of(home, place(home, PipelineOptions()), wanted=True) == "mine"
    assert tracking().state == "finished"


def test_settings_are_changed_one_by_one_and_secrets_stay_apart(tmp_path: Path) -> None:
    register(tmp_path, TRACKER, "w", "wandb", {"api_key": "s3cret", "entity": "me"})
    update(tmp_path, TRACKER, "w", {"entity": "", "project_name": "digits"})
    assert tracker_settings(tmp_path, "w") == {
        "flavor": "wandb", "project_name": "digits", "api_key": "s3cret",
    }  # fmt: skip
    assert "s3cret" not in (tmp_path / FILE).read_text()
    update(tmp_path, TRACKER, "w", {"api_key": ""})
    assert "s3cret" not in (tmp_path / SECRETS).read_text()
