"""``epochal stack``, ``experiment-tracker``, ``artifact-store``: verbs of ZenML's guides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from epochal.pipelines.stacks import tracker_settings
from tests.cli.conftest import run_cli

SECRET = "0123456789" * 4


def test_the_commands_of_the_guide_work_and_keep_the_secret(tmp_path: Path) -> None:
    """As printed there, with ``epochal`` for ``zenml``."""
    register = ["experiment-tracker", "register", "wandb_tracker", "--flavor=wandb"]
    settings = [f"--api_key={SECRET}", "--entity=me", "--project_name", "digits"]
    done = run_cli(*register, *settings, home=tmp_path)
    assert done.returncode == 0, done.stderr
    stack = ["stack", "register", "wandb_stack", "-a", "default", "-o", "default"]
    assert run_cli(*stack, "-e", "wandb_tracker", "--set", home=tmp_path).returncode == 0
    profile = (tmp_path / "stacks.toml").read_text()
    assert SECRET not in profile
    assert (tmp_path / "stacks.secrets.json").stat().st_mode & 0o777 == 0o600
    listed = run_cli("experiment-tracker", "list", "--json", home=tmp_path).stdout
    assert json.loads(listed) == {
        "wandb_tracker": {"flavor": "wandb", "entity": "me", "project_name": "digits"}
    }
    stacks = json.loads(run_cli("stack", "list", "--json", home=tmp_path).stdout)
    assert stacks["active"] == "wandb_stack"
    assert tracker_settings(tmp_path, "wandb_tracker")["api_key"] == SECRET
    assert run_cli("stack", "set", "default", home=tmp_path).returncode == 0
    assert 'active = "default"' in (tmp_path / "stacks.toml").read_text()


def test_an_artifact_store_is_a_name_for_the_home(tmp_path: Path) -> None:
    register = ["artifact-store", "register", "mine", "--flavor=local", f"--path={tmp_path}"]
    assert run_cli(*register, home=tmp_path).returncode == 0
    assert run_cli("stack", "register", "a", "-a", "mine", home=tmp_path).returncode == 0
    listed = json.loads(run_cli("artifact-store", "list", "--json", home=tmp_path).stdout)
    assert listed == {
        name: {"flavor": "local", "path": str(tmp_path)} for name in ("default", "mine")
    }


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["stack", "set", "none"], 4, "there is no stack 'none'; there are default"),
        (["stack", "register", "a", "-e", "none"], 4, "there is no experiment tracker 'none'"),
        (["stack", "register", "a", "-o", "kubeflow"], 2, "the only orchestrator is 'default'"),
        (["stack", "register", "a", "-a", "s3"], 4, "there is no artifact store 's3'"),
        (["artifact-store", "register", "a", "--flavor=s3"], 2, "has the flavor 'local'"),
        (["artifact-store", "register", "a", "--path=/other"], 2, "EPOCHAL_HOME=/other"),
        (["artifact-store", "register", "default"], 5, "there is an artifact store 'default'"),
        (["stack", "register", "default"], 5, "there is a stack 'default' already"),
        (["experiment-tracker", "register", "a", "--flavor=comet"], 2, "a tracker has the flavor"),
        (["experiment-tracker", "register", "a", "--flavor=wandb", "x"], 2, "--name=value"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    done = run_cli(*arguments, home=tmp_path)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_a_damaged_profile_is_told(tmp_path: Path) -> None:
    (tmp_path / "stacks.toml").write_text("active = ")
    done = run_cli("stack", "list", home=tmp_path)
    assert done.returncode == 1
    assert "stacks.toml cannot be read" in done.stderr
