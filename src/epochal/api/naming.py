"""From the words that a person types to the whole name of an artifact version."""

from __future__ import annotations

import os

from epochal.api.find import find_project
from epochal.api.question import ListProjects, Source
from epochal.domain.artifact import ArtifactRef, read_reference
from epochal.domain.names import DEFAULT_ENTITY, DEFAULT_PROJECT


def find_reference(
    source: Source, text: str, project: str | None = None, entity: str | None = None
) -> ArtifactRef:
    """What ``[entity/][project/]name[:version]`` means.

    Args:
        source: asked for its only project when none is named.
        text: the name.
        project: used when the text names none; ``name`` or ``entity/name``.
        entity: the same.

    Raises:
        InvalidInput: it cannot be read, or no project is named and there are several.
        NotFound: there are no projects.
    """
    named = read_reference(text, DEFAULT_PROJECT, entity or DEFAULT_ENTITY)
    if "/" in text:
        return named
    wanted = project or os.environ.get("EPOCHAL_PROJECT")
    if wanted is None:
        owner, name = find_project(source, None, entity)
        return read_reference(text, name, owner)
    if entity is not None:
        return read_reference(text, wanted, entity)
    if "/" not in wanted:
        return read_reference(text, wanted, DEFAULT_ENTITY)
    # ``entity/project``, or a project whose own name holds a slash: those that are there decide.
    known = source.ask(ListProjects())
    if any(row.entity == DEFAULT_ENTITY and row.name == wanted for row in known):
        return read_reference(text, wanted, DEFAULT_ENTITY)
    owner, _, name = wanted.partition("/")
    return read_reference(text, name, owner)


def full_name(ref: ArtifactRef) -> str:
    """``entity/project/name:version`` for a question."""
    version = f"v{ref.number}" if ref.number is not None else ref.alias
    return f"{ref.path}:{version}"
