"""What lies where among the files of runs, logged models and versions of artifacts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from epochal.domain.tracked import experiment_id
from epochal.errors import NotFound
from epochal.protocols import Caller
from epochal.protocols.mlflow.arguments import Arguments
from epochal.protocols.mlflow.errors import invalid
from epochal.protocols.mlflow.places import CONTENT, MODEL, RUN, Place, check_inside, is_clients
from epochal.protocols.mlflow.shapes import root
from epochal.service import deposits, experiments, logged, packing, tracking

_ARTIFACTS: Final = "artifacts"
_MODELS: Final = "models"


class Target(NamedTuple):
    """A run, and a path among its files."""

    uid: str
    path: str


async def writable(call: Caller, place: Place) -> Target:
    """Which file of which run a place is.

    Raises:
        InvalidInput: the files of a version, which nobody changes.
        NotFound: there is no such logged model.
    """
    if place.kind == CONTENT:
        raise invalid("The files of a registered version cannot be changed; log a new model")
    if place.kind == RUN:
        return Target(place.id, place.path)
    found = await call.read(logged.get_logged, call.workers.recorder, place.id)
    return Target(found.uid, f"{found.folder}/{place.path}" if place.path else found.folder)


async def list_of_run(call: Caller, given: Arguments) -> dict[str, Any]:
    """What lies directly in a folder of a run, by whole paths."""
    run = await call.ask(tracking.read_run, call.workers.recorder, given.run_id)
    base = root(experiment_id(run.entity, run.project))
    return await _listed(
        call, Place(RUN, run.uid, _folder(given, "path")),
        f"{base}/{run.uid}/artifacts",
    )  # fmt: skip


async def list_of_model(call: Caller, given: Arguments) -> dict[str, Any]:
    """What lies directly in a folder of a logged model, by whole paths."""
    found = await call.read(logged.get_logged, call.workers.recorder, given.text("model_id"))
    base = root(experiment_id(found.entity, found.project))
    folder = _folder(given, "artifact_directory_path")
    return await _listed(
        call, Place(MODEL, found.id, folder), f"{base}/models/{found.id}/artifacts"
    )


def _folder(given: Arguments, name: str) -> str:
    path = given.text(name, "")
    check_inside(path)
    return path.rstrip("/")


async def _listed(call: Caller, place: Place, uri: str) -> dict[str, Any]:
    prefix = f"{place.path}/" if place.path else ""
    entries = await entries_of(call, place)
    return {
        "root_uri": uri,
        "files": [{**entry, "path": prefix + entry["path"]} for entry in entries],
    }


async def entries_of(call: Caller, place: Place) -> list[dict[str, Any]]:
    """What lies directly in a folder, by last names, without those that fail a client's list."""
    if not place.kind:
        return await entries_above(call, place.path)
    if place.kind == CONTENT:
        found = await call.read(packing.list_packed, place.id, place.path)
    else:
        target = await writable(call, place)
        recorder = call.workers.recorder
        found = await call.read(deposits.list_folder, recorder, target.uid, target.path)
    return [
        {"path": entry.name, "is_dir": True}
        if entry.size is None
        else {"path": entry.name, "is_dir": False, "file_size": entry.size}
        for entry in found
        if is_clients(entry.name)
    ]


async def entries_above(call: Caller, path: str) -> list[dict[str, Any]]:
    """What lies directly in a folder above the artifacts of runs and logged models.

    Args:
        call: the request.
        path: empty, ``EXPERIMENT``, ``EXPERIMENT/RUN``, ``EXPERIMENT/models`` or
            ``EXPERIMENT/models/ID``; there is nothing anywhere else.
    """
    first, *rest = path.strip("/").split("/")
    if not first:
        every = await call.read(experiments.list_experiments, call.workers.recorder)
        return _folders(str(one.id) for one in every)
    try:
        found = await call.read(experiments.get_experiment, call.workers.recorder, int(first))
    except (ValueError, NotFound):
        return []
    place = (found.entity, found.project)
    models = await call.read(logged.list_logged, call.workers.recorder, [place])
    if rest[:1] == [_MODELS]:
        held = [one.id for one in models]
        inside = rest[1:]
    else:
        held = await call.read(deposits.list_holders, call.workers.recorder, place)
        inside = rest
    if not inside:
        return _folders([*held, _MODELS] if models and not rest else held)
    return _folders([_ARTIFACTS] if len(inside) == 1 and inside[0] in held else [])


def _folders(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"path": name, "is_dir": True} for name in names]
