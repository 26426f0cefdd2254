"""``epochal stack`` and its parts: the verbs of ZenML's guides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from epochal.pipelines.components import tracker_settings
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


def test_stacks_and_their_parts_are_changed_described_renamed_and_deleted(
    tmp_path: Path,
) -> None:
    """In the order in which a user meets the refusals."""

    def run(*words: str, code: int = 0) -> str:
        done = run_cli(*words, home=tmp_path)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    run("orchestrator", "register", "cluster", "--flavor=slurm", "--partition=gpu")
    run("experiment-tracker", "register", "t", "--flavor=mlflow", "--tracking_token", SECRET)
    run("stack", "register", "big", "-o", "cluster", "-e", "t", "--set")
    run("orchestrator", "update", "cluster", "--account=lab", "--parallel=8", "--partition=")
    described = json.loads(run("stack", "describe", "--json"))
    assert described == {
        "name": "big",
        "active": True,
        "experiment_tracker": {"name": "t", "flavor": "mlflow"},
        "orchestrator": {"name": "cluster", "flavor": "slurm", "account": "lab", "parallel": "8"},
        "artifact_store": {"name": "default", "flavor": "local"},
    }
    in_use = run("orchestrator", "delete", "cluster", "-y", code=5)
    assert "stack 'big' uses orchestrator 'cluster'" in in_use
    assert "add --yes" in run("stack", "delete", "big", code=2)
    assert "stack 'big' is in use" in run("stack", "delete", "big", "--yes", code=5)
    run("stack", "rename", "big", "large")
    default = {
        "experiment_tracker": None, "orchestrator": "default", "artifact_store": "default",
    }  # fmt: skip
    assert json.loads(run("stack", "list", "--json")) == {
        "active": "large",
        "stacks": {
            "default": default,
            "large": {**default, "experiment_tracker": "t", "orchestrator": "cluster"},
        },
    }
    run("stack", "update", "large", "-o", "default")
    run("orchestrator", "delete", "cluster", "-y")
    assert "cluster" not in run("orchestrator", "list")
    run("stack", "set", "default")
    run("stack", "delete", "large", "-y")
    run("experiment-tracker", "delete", "t", "-y")
    assert SECRET not in (tmp_path / "stacks.secrets.json").read_text()
    assert "large" not in run("stack", "list")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["stack", "set", "none"], 4, "there is no stack 'none'; there are: default"),
        (["stack", "set", "defautl"], 4, "did you mean 'default'?"),
        (["stack", "register", "a", "-e", "none"], 4, "there is no experiment tracker 'none'"),
        (["stack", "register", "a", "-o", "kubeflow"], 4, "there is no orchestrator 'kubeflow'"),
        (["stack", "update", "default", "-o", "default"], 2, "'default' is always there"),
        (["stack", "rename", "none", "b"], 4, "there is no stack 'none'"),
        (["stack", "describe", "none"], 4, "there is no stack 'none'"),
        (["orchestrator", "register", "a", "--flavor=rya"], 2, "did you mean 'ray'?"),
        (["orchestrator", "register", "a", "--flavor=slurm", "--partion=x"], 2, "'partition'"),
        (["orchestrator", "register", "a", "--flavor=ray", "--parallel=no"], 2, "from 1 on"),
        (["orchestrator", "delete", "default", "-y"], 2, "'default' is always there"),
        (["orchestrator", "update", "none", "--parallel=2"], 4, "there is no orchestrator"),
        (
            ["experiment-tracker", "register", "a", "--flavor=wandb", "--projct_name=x"],
            2,
            "did you mean 'project_name'?",
        ),
        (["stack", "register", "a", "-a", "s3"], 4, "there is no artifact store 's3'"),
        (["artifact-store", "register", "a", "--flavor=s3"], 2, "has the flavor local"),
        (
            ["artifact-store", "register", "a", "-f", "local", "--path=/other"],
            2,
            "EPOCHAL_HOME=/other",
        ),
        (
            ["artifact-store", "register", "default", "-f", "local"],
            5,
            "there is an artifact store 'default'",
        ),
        (["stack", "register", "default"], 5, "there is a stack 'default' already"),
        (["experiment-tracker", "register", "a", "--flavor=comet"], 2, "has the flavor epochal"),
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
