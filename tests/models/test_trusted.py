"""The list of trusted models: by digest, the user's own, and withdrawn at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from epochal.errors import InvalidInput, UntrustedModel
from epochal.models.folder import Files
from epochal.models.trust import Gate
from epochal.models.trusted import is_trusted, trust_model, trusted_models, withdraw_trust
from tests.cli.conftest import run_cli

REASON = "it holds a pickle"


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's directory."""
    home = tmp_path / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(b"not really")
    return folder


def test_what_is_listed_runs_until_it_is_withdrawn(model: Path) -> None:
    """Also under another name; not after a single byte changed."""
    digest = Files(model).digest
    with pytest.raises(UntrustedModel, match=digest):
        Gate(Files(model), None).demand(REASON)
    trust_model(f"sha256:{digest}", "ours")
    Gate(Files(model), None).demand(REASON)
    with pytest.raises(UntrustedModel):
        Gate(Files(model), False).demand(REASON)
    moved = model.rename(model.with_name("moved"))
    Gate(Files(moved), None).demand(REASON)
    assert withdraw_trust(digest)
    assert not withdraw_trust(digest)
    with pytest.raises(UntrustedModel):
        Gate(Files(moved), None).demand(REASON)
    trust_model(digest)
    (moved / "model.pkl").write_bytes(b"NOT really")
    with pytest.raises(UntrustedModel):
        Gate(Files(moved), None).demand(REASON)


def test_a_list_that_others_can_write_is_not_believed(own: Path, model: Path) -> None:
    trust_model(Files(model).digest)
    (own / ".epochal" / "trusted.json").chmod(0o666)
    with pytest.raises(InvalidInput, match="chmod 600"):
        Gate(Files(model), None).demand(REASON)


def test_a_home_beside_a_project_brings_no_trust(
    own: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository that was cloned may hold one."""
    digest = Files(model).digest
    trust_model(digest)
    project = tmp_path / "cloned"
    (project / ".epochal").mkdir(parents=True)
    (own / ".epochal" / "trusted.json").rename(project / ".epochal" / "trusted.json")
    monkeypatch.chdir(project)
    monkeypatch.setenv("EPOCHAL_HOME", str(project / ".epochal"))
    assert not is_trusted(digest)


@pytest.mark.parametrize("wrong", ["", "sha256:12", "A" * 64, "md5:" + "0" * 64])
def test_only_a_digest_is_listed(wrong: str) -> None:
    with pytest.raises(InvalidInput, match="64 hex digits"):
        trust_model(wrong)
    assert trusted_models() == []


def test_the_commands_list_and_withdraw(own: Path) -> None:
    name = f"sha256:{'1' * 64}"
    assert run_cli("model", "trust", name, "--note", "ours", HOME=str(own)).returncode == 0
    listed = run_cli("model", "trusted", HOME=str(own)).stdout
    assert name[:20] in listed
    assert "ours" in listed
    assert run_cli("model", "trust", name, "--withdraw", HOME=str(own)).returncode == 0
    assert run_cli("model", "trust", name, "--withdraw", HOME=str(own)).returncode != 0
    assert "no model" in run_cli("model", "trusted", HOME=str(own)).stderr
