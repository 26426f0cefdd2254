"""A team server from the first start to the last point, through the doors that users have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.api import Reader
from epochal.errors import EpochalError, PermissionDenied, Unauthenticated
from tests.team.office import Machine, Office, points

SCRIPT = """
import json, torch
import epochal

torch.manual_seed(0)
x = torch.randn(256, 8)
y = x @ torch.randn(8, 1) + 0.1 * torch.randn(256, 1)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
losses = []
with epochal.init(project="team", id="regression", config={"lr": 0.05}) as run:
    for step in range(120):
        loss = torch.nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epochal.log({"loss": loss}, step=step)
        losses.append(loss.item())
    print("trained to the end")
print(json.dumps(losses))
"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.close()


@pytest.fixture
def machine(office: Office, tmp_path: Path) -> Callable[[str, str], Machine]:
    """``machine(name, key)``: somebody's machine with the key that they were given."""
    return lambda name, key: Machine(tmp_path, name, office.url, key)


def last_line(text: str) -> Any:
    return json.loads(text.splitlines()[-1])


def test_from_the_first_start_to_a_colleague_who_looks(
    office: Office, machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys for a writer and a reader, a training elsewhere, and every float of it read back."""
    ann = machine("gpu-box", office.key("ann", "writer"))
    done = ann.python(SCRIPT)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("EPOCHAL_URL", office.url)
    monkeypatch.setenv("EPOCHAL_API_KEY", office.key("rita", "reader"))
    (run,) = epochal.runs("team", where="config.lr == 0.05")
    assert (run.id, run.state) == ("regression", "finished")
    assert run.history("loss")["loss"].tolist() == last_line(done.stdout)
    assert "trained to the end" in list(run.logs())
    listed = ann.epochal("ls", "team", "--json", key=office.admin_key)
    assert [row["id"] for row in json.loads(listed.stdout)["runs"]] == ["regression"]


def test_a_wrong_key_is_told_once_and_the_training_goes_on(
    office: Office, machine: Callable[..., Machine]
) -> None:
    """One sentence that says what and how to go on; `epochal sync` then sends every point."""
    bob = machine("laptop", "ep_" + "x" * 8 + "-" + "y" * 43)
    done = bob.python(SCRIPT)
    assert done.returncode == 0
    told = [line for line in done.stderr.splitlines() if "refuses" in line]
    assert len(told) == 1, done.stderr
    assert office.url in told[0]
    assert "API key" in told[0]
    assert "epochal sync" in told[0]
    assert "Traceback" not in done.stderr
    reader = office.reader(office.key("rita", "reader"))
    assert reader.projects() == []
    sent = bob.epochal("sync", key=office.key("bob", "writer"))
    assert sent.returncode == 0, sent.stderr
    run = reader.run("team/regression")
    assert run.history("loss")["loss"].tolist() == last_line(done.stdout)


def test_a_reader_reads_and_changes_nothing(
    office: Office, machine: Callable[..., Machine]
) -> None:
    """Each door refuses with the same sentence: what one is, what it needs, whom to ask."""
    training = machine("gpu-box", office.key("ann", "writer")).train("kept")
    training.go(50)
    training.end()
    key = office.key("rita", "reader")
    reader = office.reader(key)
    run = reader.run("team/kept")
    assert points(reader, "kept") == training.expected()
    sentence = "'rita' is a reader, this needs a writer"
    with pytest.raises(PermissionDenied, match=sentence):
        run.update(notes="mine now")
    with pytest.raises(PermissionDenied, match=sentence):
        run.delete()
    rita = machine("desk", key)
    removed = rita.epochal("rm", "-y", "team/kept")
    assert removed.returncode == 3
    assert sentence in removed.stderr
    written = rita.train("forbidden")
    written.go(10)
    assert sentence in written.end()
    synced = rita.epochal("sync")
    assert synced.returncode != 0
    assert sentence in synced.stdout + synced.stderr
    assert [run.id for run in reader.runs("team")] == ["kept"]
    assert points(reader, "kept") == training.expected()


def test_a_revoked_key_stops_at_once(
    office: Office, machine: Callable[..., Machine], wait_for: Callable[..., Any]
) -> None:
    """For reading and for the training that uses it; what it logs later waits for a new key."""
    key = office.key("ann", "writer")
    ann = machine("gpu-box", key)
    training = ann.train("long")
    training.go(100)
    reader = office.reader(office.key("rita", "reader"))
    wait_for(lambda: known(reader, "long") == 100)
    assert known(office.reader(key), "long") == 100
    office.revoke(key)
    with pytest.raises(Unauthenticated):
        office.reader(key).projects()
    training.go(100)
    said = training.end()
    assert said.count("refuses this run") == 1, said
    assert known(reader, "long") == 100
    assert ann.epochal("sync").returncode != 0
    sent = ann.epochal("sync", key=office.key("ann", "writer"))
    assert sent.returncode == 0, sent.stderr
    assert points(reader, "long") == training.expected()


@pytest.mark.parametrize("ending", ["close", "kill"])
def test_two_machines_lose_nothing_when_the_server_restarts(
    office: Office, machine: Callable[..., Machine], wait_for: Callable[..., Any], ending: str
) -> None:
    """P4, P5: neither politely nor by SIGKILL; no point is lost, none comes twice."""
    people = {name: machine(f"{name}-box", office.key(name, "writer")) for name in ("ann", "bob")}
    trainings = [person.train(name) for name, person in people.items()]
    reader = office.reader(office.key("rita", "reader"))
    for training in trainings:
        training.go(500)
    for training in trainings:
        wait_for(lambda training=training: known(reader, training.run_id) >= 1)
    for training in trainings:
        training.go(500)
    getattr(office, ending)()
    for training in trainings:
        training.go(500)
    with pytest.raises(EpochalError):
        reader.projects()
    office.start()
    for training in trainings:
        training.go(500)
    for training in trainings:
        training.end()
    for training in trainings:
        wait_for(lambda training=training: known(reader, training.run_id) == 2000)
        assert points(reader, training.run_id) == training.expected()
        assert reader.run(f"team/{training.run_id}").state == "finished"
    assert {run.id for run in reader.runs("team")} == set(people)


def known(reader: Reader, run_id: str) -> int:
    """How many points of the loss a reader sees; 0 while there is no such run."""
    try:
        return len(reader.run(f"team/{run_id}").series("loss"))
    except EpochalError:
        return 0
