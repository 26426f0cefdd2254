"""Media and files of runs: readers look."""

from __future__ import annotations

import msgspec

from epochal.domain.access import Permission, Principal
from epochal.domain.artifact import check_digest, check_path
from epochal.domain.names import check_uid
from epochal.domain.objects import FileList, MediaEntry, MediaKeys, MediaPage, MediaQuery
from epochal.errors import InvalidInput, NotFound
from epochal.service import bounds
from epochal.service.permission import require
from epochal.store import contents, derived, files, parcels, unfiled
from epochal.store import media as stored
from epochal.store.contents import Content
from epochal.store.owner import Store

MAX_RUNS = 1_000
MAX_KEYS = 500
MAX_CURSOR = 8_192


def media_keys(store: Store, principal: Principal | None, uid: str) -> MediaKeys:
    """The keys under which a run logged media.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    return stored.media_keys(store, check_uid(uid))


def query_media(store: Store, principal: Principal | None, query: MediaQuery) -> MediaPage:
    """Media of some runs and keys.

    Raises:
        InvalidInput: a uid or key cannot be used, or there are too many.
    """
    require(principal, Permission.READ)
    bounds.at_most(query.runs, MAX_RUNS, "runs")
    if not query.runs:
        raise InvalidInput("runs is empty; name at least one run")
    for uid in query.runs:
        check_uid(uid)
    bounds.keys(query.keys, MAX_KEYS, "keys")
    if query.cursor is not None:
        bounds.plain_text(query.cursor, "cursor", MAX_CURSOR)
    if query.most is not None and query.at is not None:
        raise InvalidInput("'at' and 'most' choose entries in two ways; leave one out")
    limit = bounds.clamp(query.limit, 1, bounds.MAX_PAGE)
    most = None if query.most is None else bounds.clamp(query.most, 2, bounds.MAX_PAGE)
    return stored.query_media(store, msgspec.structs.replace(query, limit=limit, most=most))


def list_files(store: Store, principal: Principal | None, uid: str) -> FileList:
    """The files of a run: those that were saved, and its console and config once it has ended.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    saved = files.list_files(store, check_uid(uid))
    names = {row.path for row in saved.files}
    made = [row for row in derived.made_rows(store, uid) if row.path not in names]
    if not made:
        return saved
    rows = sorted([*saved.files, *made], key=lambda row: row.path)
    return FileList(saved.run, rows, saved.size + sum(row.size for row in made))


def unfiled_media(store: Store, principal: Principal | None, uid: str) -> list[MediaEntry]:
    """Media whose bytes are here and lie in no file of the run.

    Raises:
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    return unfiled.unfiled_media(store, check_uid(uid))


def run_file(
    store: Store, principal: Principal | None, uid: str, path: str, *, digest: str | None = None
) -> Content:
    """Where the bytes of a run's file lie.

    Args:
        store: the open store.
        principal: who asks.
        uid: the run.
        path: of the file.
        digest: of a blob of the run, which is meant where there is no such file.

    Raises:
        InvalidInput: the path could not be that of any file.
        NotFound: there is no such run or file.
    """
    require(principal, Permission.READ)
    try:
        return contents.run_file(store, check_uid(uid), check_path(path))
    except NotFound:
        made = derived.made_file(store, uid, path)
        if made is not None:
            return made
        if digest is None:
            raise
        return contents.run_blob_content(store, check_uid(uid), check_digest(digest))


def run_blob(store: Store, principal: Principal | None, uid: str, digest: str) -> Content:
    """Where a blob lies that a run refers to.

    Raises:
        NotFound: there is no such run, or nothing of it refers to the blob.
    """
    require(principal, Permission.READ)
    return contents.run_blob_content(store, check_uid(uid), check_digest(digest))


def run_parcel(store: Store, principal: Principal | None, uid: str, digests: list[str]) -> bytes:
    """Small blobs of a run at once; see `store.parcels`.

    Raises:
        InvalidInput: something is no digest, or there are too many.
        NotFound: there is no such run.
    """
    require(principal, Permission.READ)
    return parcels.run_parcel(store, check_uid(uid), bounds.digests(digests))
