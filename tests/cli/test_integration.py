"""``epochal integration``: what is there, and pip for the rest, never unasked."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from epochal.cli import integration
from epochal.errors import InvalidInput
from tests.cli.conftest import run_cli


def test_integrations_are_listed_with_what_is_installed(tmp_path: Path) -> None:
    found = json.loads(run_cli("integration", "list", "--json", home=tmp_path).stdout)
    assert found["pytorch"]["torch"] == importlib.metadata.version("torch")
    assert "submitit" in found["slurm"]


def test_what_is_installed_is_left_alone(tmp_path: Path) -> None:
    done = run_cli("integration", "install", "optuna", "--yes", home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "all packages are installed" in done.stderr


def test_only_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package counts as installed under another name that brings the same."""
    there = {"torch": "2", "mlflow": "3"}

    def version(name: str) -> str:
        if name not in there:
            raise importlib.metadata.PackageNotFoundError(name)
        return there[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    names = ["pytorch", "mlflow", "wandb", "pytorch"]
    assert integration.missing_packages(names) == ["torchvision", "wandb"]
    with pytest.raises(InvalidInput, match="there is no integration 'sagemaker'; there are acc"):
        integration.missing_packages(["sagemaker"])


def test_the_command_is_shown_and_nothing_runs_in_a_dry_run_or_unasked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nobody can answer the question nothing is installed."""
    monkeypatch.setattr(integration, "version_of", lambda _: None)
    integration.install(["wandb"], yes=False, dry_run=True)
    assert capsys.readouterr().out.strip().endswith("-m pip install wandb")
    with pytest.raises(InvalidInput, match="nobody can be asked"):
        integration.install(["wandb"], yes=False, dry_run=False)
    assert "pip install wandb" in capsys.readouterr().out
