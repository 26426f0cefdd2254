"""The routes of the model registry."""

from __future__ import annotations

from typing import Any, Final

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from epochal.domain.access import Permission
from epochal.domain.models import (
    ModelChanges,
    ModelDetail,
    ModelList,
    ModelRow,
    ModelVersionChanges,
    ModelVersionRow,
    NewModel,
    NewModelVersion,
)
from epochal.protocols import needs
from epochal.protocols.call import Call
from epochal.service import models

READ: Final = needs(Permission.READ)
WRITE: Final = needs(Permission.WRITE)


@get("/api/v1/models", opt=READ)
async def list_models(
    request: Call,
    entity: FromQuery[str | None] = None,
    search: FromQuery[str | None] = None,
) -> ModelList:
    """Registered models, newest activity first."""
    return await request.read(models.list_models, entity, search)


@post("/api/v1/models", opt=WRITE)
async def create_model(request: Call, data: JSONBody[NewModel]) -> ModelRow:
    """Register a name."""
    return await request.write(models.create_model, data)


@get("/api/v1/registry/resolve", opt=READ)
async def resolve(
    request: Call, name: FromQuery[str], entity: FromQuery[str | None] = None
) -> ModelVersionRow:
    """The version that ``models:/name/3``, ``name@alias`` or ``name/latest`` means."""
    return await request.read(models.resolve, entity, name)


@get("/api/v1/models/{name:str}", opt=READ)
async def get_model(
    request: Call, name: FromPath[str], entity: FromQuery[str | None] = None
) -> ModelDetail:
    """A model with its versions and history."""
    return await request.read(models.get_model, entity, name)


@patch("/api/v1/models/{name:str}", opt=WRITE)
async def update_model(
    request: Call,
    name: FromPath[str],
    data: JSONBody[ModelChanges],
    entity: FromQuery[str | None] = None,
) -> ModelRow:
    """Rename, describe or tag a model."""
    return await request.write(models.update_model, entity, name, data)


@delete("/api/v1/models/{name:str}", opt=WRITE)
async def delete_model(
    request: Call, name: FromPath[str], entity: FromQuery[str | None] = None
) -> None:
    """Forget a model; its artifacts stay."""
    await request.write(models.delete_model, entity, name)


@post("/api/v1/models/{name:str}/versions", opt=WRITE)
async def create_version(
    request: Call,
    name: FromPath[str],
    data: JSONBody[NewModelVersion],
    entity: FromQuery[str | None] = None,
) -> ModelVersionRow:
    """Make a version out of an artifact version."""
    return await request.change(models.create_version, entity, name, data)


@get("/api/v1/models/{name:str}/versions/{number:int}", opt=READ)
async def get_version(
    request: Call,
    name: FromPath[str],
    number: FromPath[int],
    entity: FromQuery[str | None] = None,
) -> ModelVersionRow:
    """One version of a model."""
    return await request.read(models.get_version, entity, name, number)


@patch("/api/v1/models/{name:str}/versions/{number:int}", opt=WRITE)
async def update_version(
    request: Call,
    name: FromPath[str],
    number: FromPath[int],
    data: JSONBody[ModelVersionChanges],
    entity: FromQuery[str | None] = None,
) -> ModelVersionRow:
    """Promote, name, tag or describe a version."""
    return await request.change(models.update_version, entity, name, number, data)


@delete("/api/v1/models/{name:str}/versions/{number:int}", opt=WRITE)
async def delete_version(
    request: Call,
    name: FromPath[str],
    number: FromPath[int],
    entity: FromQuery[str | None] = None,
) -> None:
    """Delete a version of a model; the artifact version stays."""
    await request.change(models.delete_version, entity, name, number)


ROUTES: Final[list[Any]] = [
    list_models,
    create_model,
    resolve,
    get_model,
    update_model,
    delete_model,
    create_version,
    get_version,
    update_version,
    delete_version,
]
