"""A model that is logged is an artifact version, described by its metadata."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import epochal
from epochal.domain.artifact import read_manifest
from epochal.domain.record import ArtifactCommit, ModelLink
from epochal.errors import InvalidInput, RunStateError
from epochal.journal.blobs import Blobs
from epochal.models import load_model, log_model
from tests.client.scripts import read_home


def facts(home, kind):
    return [fact for told in read_home(home) for fact in told.all(kind)]


def test_a_logged_model_is_an_artifact_with_the_digest_of_the_model(home, tmp_path):
    x = torch.zeros(2, 3)
    model = nn.Linear(3, 1)
    with epochal.init(project="models") as run:
        logged = log_model(
            model,
            "net",
            run=run,
            input_example=x,
            aliases=["best"],
            registered_model_name="champion",
            metadata={"accuracy": 0.9},
        )
    (commit,) = facts(home, ArtifactCommit)
    assert (commit.name, commit.kind, commit.aliases) == ("net", "model", ["best"])
    described = commit.metadata["model"]
    assert commit.metadata["accuracy"] == 0.9
    assert described["format"] == "torch"
    assert described["parameters"] == 4
    assert described["digest"] == commit.manifest.digest == logged.digest
    (link,) = facts(home, ModelLink)
    assert (link.model, link.digest, link.aliases) == ("champion", logged.digest, ["best"])
    blobs = Blobs(home)
    manifest = read_manifest(blobs.path(commit.manifest.digest).read_bytes())
    for path, entry in manifest.entries.items():
        place = tmp_path / "out" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(blobs.path(str(entry.digest)).read_bytes())
    again = load_model(tmp_path / "out", trust=f"sha256:{logged.digest}")
    with torch.no_grad():
        assert torch.equal(again.predict(x), model(x))


def test_a_model_that_cannot_be_saved_leaves_no_version(home):
    with epochal.init(project="models"), pytest.raises(InvalidInput):
        log_model(nn.LazyLinear(3), "net")
    assert facts(home, ArtifactCommit) == []


def test_without_a_run_it_says_so():
    with pytest.raises(RunStateError, match="log_model"):
        log_model(nn.Linear(1, 1))
