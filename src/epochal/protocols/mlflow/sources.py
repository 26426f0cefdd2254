"""Where a model version's content is: URIs that clients give, and only of what this server holds.

A URI is text until it is found to name a run, a logged model, a version of a model or of an
artifact; nothing in it becomes a path of this machine, and no other scheme is ever followed. No
tag changes a check.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

import msgspec

from epochal.domain.artifact import check_path
from epochal.domain.tracked import OUTPUTS
from epochal.errors import InvalidInput, NotFound
from epochal.protocols import Caller
from epochal.protocols.mlflow.errors import invalid
from epochal.protocols.mlflow.places import CONTENT, MODEL, RUN, Place, place_of
from epochal.protocols.mlflow.shapes import LOGGED, run_of
from epochal.service import logged, models, packing, tracking
from epochal.service.logged import LoggedModel
from epochal.service.packing import Packed

MAX_SOURCE: Final = 4_096
_RUNS: Final = re.compile(r"runs:/([0-9a-f]{32})/(.+)")
_MODEL_URI: Final = re.compile(r"models:/(m-[0-9a-f]{32})")
_VERSION: Final = re.compile(r"models:/([^/@]+(?:/\d{1,9}|@[\w\-.]+))")
_SERVED: Final = "mlflow-artifacts:/"


class Source(NamedTuple):
    """Content for a model version: the artifact version, the run and the logged model behind it.

    ``run`` and ``model`` are empty where there is none.
    """

    packed: Packed
    run: str
    model: str


def check_source(text: str) -> str:
    """A URI whose every reading stays below its root.

    Raises:
        InvalidInput: it does not, or it is none.
    """
    if not text or len(text) > MAX_SOURCE:
        raise _refused(text, "it must have 1 to 4096 characters")
    seen, before = text, ""
    while seen != before:  # however often it is decoded
        if ".." in seen.replace("\\", "/").split("/") or set("\\#?;\0") & set(seen):
            raise _refused(text, "it could lead elsewhere")
        before, seen = seen, unquote(seen)
    if not text.startswith(("runs:/", "models:/", _SERVED)):
        raise _refused(
            text, "a model version stands on artifacts of this server: runs:/RUN/PATH, "
            "models:/m-ID, models:/NAME/VERSION or mlflow-artifacts:/PATH"
        )  # fmt: skip
    return text


async def resolve_source(call: Caller, text: str, run: str, model: str) -> Source:
    """Find what a URI names, and make it an artifact version if it is none yet.

    Args:
        call: the request.
        text: the URI.
        run: the run that the client says it is of; empty when it says nothing.
        model: the logged model that the client says it is.

    Raises:
        InvalidInput: it names nothing of this server, or something of another run or model.
        NotFound: there is nothing.
    """
    check_source(text)
    if found := _MODEL_URI.fullmatch(text):
        return await _of_model(call, found[1], text, model)
    if found := _VERSION.fullmatch(text):
        row = await call.read(models.resolve, None, found[1])
        packed = Packed(f"{row.artifact}:v{row.artifact_version}", row.digest)
        return Source(packed, run_of(row), row.tags.get(LOGGED, ""))
    place = _placed(text)
    match place.kind:
        case "model":
            return await _of_model(call, place.id, text, model)
        case "content":
            return Source(await call.read(packing.find_packed, place.id), run, "")
        case "run":
            if run not in ("", place.id):
                raise _refused(text, f"it is not of the run {run}")
            return await _of_run(call, place, text)
    raise _refused(text, "it names no artifact of this server")


def _placed(text: str) -> Place:
    if found := _RUNS.fullmatch(text):
        return Place(RUN, found[1], _clean(found[2], text))
    if text.startswith(_SERVED) and not text.startswith(f"{_SERVED}/"):
        place = place_of(text.removeprefix(_SERVED))
        if place.kind in (RUN, MODEL, CONTENT):
            return place._replace(path=_clean(place.path, text) if place.path else "")
    raise _refused(text, "it names no artifact of this server")


def _clean(path: str, text: str) -> str:
    try:
        return check_path(path.strip("/"))
    except InvalidInput:
        raise _refused(text, "its path cannot be one") from None


async def _of_model(call: Caller, id: str, text: str, model: str) -> Source:
    if model not in ("", id):
        raise _refused(text, f"it is not the model {model}")
    return await _packed(call, await call.read(logged.get_logged, call.workers.recorder, id))


async def _packed(call: Caller, found: LoggedModel) -> Source:
    packed = await call.record(
        packing.pack_model, call.workers.recorder, found.uid, found.folder, found.facts.name
    )
    return Source(packed, found.facts.run, found.id)


async def _of_run(call: Caller, place: Place, text: str) -> Source:
    """Files of the run; or else a model that it logged under that name, here or in our own way."""
    recorder = call.workers.recorder
    try:
        packed = await call.record(packing.pack_model, recorder, place.id, place.path)
        return Source(packed, place.id, "")
    except NotFound:
        run = await call.ask(tracking.read_run, recorder, place.id)
    outputs = msgspec.json.decode(run.labels.get(OUTPUTS, "{}"), type=dict[str, dict[str, object]])
    for entry in reversed(list(outputs.values())):
        found = await call.read(logged.get_logged, recorder, str(entry.get("model_id")))
        if found.facts.name == place.path:
            return await _packed(call, found)
    try:
        return Source(
            await call.read(packing.find_logged, recorder, place.id, place.path), place.id, ""
        )
    except NotFound:
        raise NotFound(
            f"Unable to find a model at {text[:200]}: the run has no such artifact. Log the model "
            f"first, then register it."
        ) from None


def _refused(text: str, why: str) -> InvalidInput:
    return invalid(f"Invalid model version source: '{text[:200]}'. {why[0].upper()}{why[1:]}.")
