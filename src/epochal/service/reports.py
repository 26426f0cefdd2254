"""Reports of projects: who may read, write, freeze and take them along."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import asdict, replace

from epochal.domain.access import Permission, Principal
from epochal.domain.artifact import check_digest
from epochal.domain.names import MAX_NAME, check_name
from epochal.domain.objects import BlobView
from epochal.domain.report import (
    MAX_FROZEN,
    MAX_REPORT,
    MAX_TITLE,
    FrozenPanel,
    NewFrozen,
    NewReport,
    PanelData,
    ReportChanges,
    ReportDetail,
    ReportList,
    ReportVersion,
    ReportVersions,
    ShownPanel,
)
from epochal.errors import CorruptFile, EpochalError, InvalidInput
from epochal.reports.media import MAX_ITEMS
from epochal.reports.page import Drawn, Panels, page_of, panel_texts
from epochal.reports.panel import read_panel
from epochal.service import bounds
from epochal.service.panels import panel_data
from epochal.service.permission import require
from epochal.store import reportfiles, reporthistory, reports
from epochal.store.contents import Content
from epochal.store.owner import Store

_NAME: Final = re.compile(r"\b[0-9a-f]{32}\b")
MAX_KEPT: Final = 256 * 1024 * 1024
"""Bytes of all media of a frozen panel."""
MAX_KEPT_FILES: Final = 5_000
MAX_PICTURES: Final = 32 * 1024 * 1024
"""Bytes of all images of a page, of each as often as the page shows it."""
_IMAGES: Final = frozenset({"image/png", "image/apng", "image/jpeg", "image/gif", "image/webp"})
_UNUSED_S: Final = 86_400
"""How long a frozen panel is kept that the text does not name: whoever froze it is writing yet."""


def list_reports(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    project: str,
    *,
    deleted: bool = False,
) -> ReportList:
    """The reports of a project, or those that can be restored."""
    require(principal, Permission.READ)
    place = bounds.entity_name(entity), bounds.project_name(project)
    return ReportList(reports.list_reports(store, *place, deleted=deleted))


def find_report(
    store: Store, principal: Principal | None, entity: str | None, project: str, name: str
) -> ReportDetail:
    """A report with its text.

    Raises:
        NotFound: there is none of that name.
    """
    return _detail(store, _read(store, principal, entity, project, name))


def create_report(store: Store, principal: Principal | None, new: NewReport) -> ReportDetail:
    """Make a report.

    Raises:
        InvalidInput: the title or the text cannot be kept.
    """
    author = require(principal, Permission.WRITE).name
    checked = replace(
        new,
        entity=bounds.entity_name(new.entity),
        project=bounds.project_name(new.project),
        title=_title(new.title),
        text=_text(new.text),
    )
    return _detail(store, reports.create_report(store, checked, author))


def change_report(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    project: str,
    name: str,
    changes: ReportChanges,
) -> ReportDetail:
    """Keep another title or text.

    Raises:
        NotFound: there is none of that name.
        Conflict: somebody changed it meanwhile.
        InvalidInput: the title or the text cannot be kept.
    """
    author = require(principal, Permission.WRITE).name
    checked = replace(
        changes,
        title=None if changes.title is None else _title(changes.title),
        text=None if changes.text is None else _text(changes.text),
    )
    place = _place(entity, project, name)
    return _detail(store, reports.change_report(store, *place, checked, author))


def delete_report(
    store: Store, principal: Principal | None, entity: str | None, project: str, name: str
) -> None:
    """Take a report away; it can be restored for thirty days.

    Raises:
        NotFound: there is none of that name.
    """
    require(principal, Permission.WRITE)
    reports.delete_report(store, *_place(entity, project, name))


def restore_report(
    store: Store, principal: Principal | None, entity: str | None, project: str, name: str
) -> ReportDetail:
    """Bring a deleted report back.

    Raises:
        NotFound: there is none of that name.
    """
    require(principal, Permission.WRITE)
    return _detail(store, reports.restore_report(store, *_place(entity, project, name)))


def freeze_panel(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    project: str,
    name: str,
    new: NewFrozen,
) -> FrozenPanel:
    """Keep what a panel shows now inside the report.

    What neither the report nor a revision of it names a day after it was frozen goes for good.

    Raises:
        NotFound: there is no such report or project.
        InvalidInput: the panel cannot be read or cannot be frozen.
    """
    require(principal, Permission.WRITE)
    text = bounds.plain_text(new.panel, "a panel", bounds.MAX_WHERE)
    panel = read_panel(text)
    report = reports.find_report(store, *_place(entity, project, name))
    named = set(_NAME.findall(report.text))
    before = _NAME.findall("\n".join(reporthistory.kept_texts(store, report.uid)))
    reportfiles.forget_frozen(store, report.uid, named.union(before), time.time() - _UNUSED_S)
    kept = named.intersection(reportfiles.frozen_names(store, report.uid))
    if len(kept) >= MAX_FROZEN:
        raise InvalidInput(
            f"report {name!r} shows {len(kept)} frozen panels already, the most; "
            "take one out of its text"
        )
    data = panel_data(store, principal, (report.entity, report.project), text, panel)
    _check_media(data)
    return FrozenPanel(reportfiles.freeze(store, report.uid, data), data)


def _check_media(data: PanelData) -> None:
    """Refuse media whose bytes are not here, or are too many."""
    blobs = {blob.digest: blob for blob in reportfiles.media_blobs(data)}.values()
    waiting = sum(not blob.present for blob in blobs)
    if waiting:
        raise InvalidInput(
            f"{waiting} of {len(blobs)} files of these media are still on their way; "
            "freeze the panel when they are shown"
        )
    size = sum(blob.size for blob in blobs)
    if size > MAX_KEPT or len(blobs) > MAX_KEPT_FILES:
        raise InvalidInput(
            f"these media are {len(blobs):,} files of {size:,} bytes, and a frozen panel keeps at "
            f"most {MAX_KEPT_FILES:,} of {MAX_KEPT:,} bytes; show fewer runs with 'limit:' or "
            "'runs:'"
        )


def show_panel(store: Store, principal: Principal | None, shown: ShownPanel) -> PanelData:
    """What a panel shows now; of curves which runs and keys, without their points.

    Raises:
        NotFound: there is no such project or saved view.
        InvalidInput: the panel cannot be read.
    """
    require(principal, Permission.READ)
    text = bounds.plain_text(shown.panel, "a panel", bounds.MAX_WHERE)
    place = bounds.entity_name(shown.entity), bounds.project_name(shown.project)
    return panel_data(store, principal, place, text, read_panel(text), points=False)


def read_frozen(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    project: str,
    name: str,
    panel: str,
) -> PanelData:
    """A frozen panel of a report.

    Raises:
        NotFound: there is no such report, or it keeps no such panel.
        InvalidInput: ``panel`` is no name of a frozen panel.
    """
    report = _read(store, principal, entity, project, name)
    return reportfiles.read_frozen(store, report.uid, _frozen_name(panel))


def read_kept(
    store: Store,
    principal: Principal | None,
    place: tuple[str | None, str, str],
    panel: str,
    digest: str,
) -> Content:
    """Where the bytes lie of media that a frozen panel keeps.

    Args:
        store: the home.
        principal: who asks.
        place: entity, project and name of the report.
        panel: the frozen panel's name.
        digest: of the bytes.

    Raises:
        NotFound: there is no such report, or it keeps no such panel or bytes.
        InvalidInput: ``panel`` is no name of a frozen panel, or ``digest`` none of bytes.
    """
    report = _read(store, principal, *place)
    return reportfiles.kept_content(store, report.uid, _frozen_name(panel), check_digest(digest))


def list_versions(
    store: Store, principal: Principal | None, entity: str | None, project: str, name: str
) -> ReportVersions:
    """What a report said before, revision by revision, the present one first.

    Raises:
        NotFound: there is none of that name.
    """
    report = _read(store, principal, entity, project, name)
    return reporthistory.list_versions(store, report)


def find_version(
    store: Store,
    principal: Principal | None,
    entity: str | None,
    project: str,
    name: str,
    revision: int,
) -> ReportVersion:
    """What a report said at a revision.

    Raises:
        NotFound: there is none of that name, or the revision is not kept.
    """
    report = _read(store, principal, entity, project, name)
    return reporthistory.find_version(store, report, revision)


def report_page(
    store: Store, principal: Principal | None, entity: str | None, project: str, name: str
) -> str:
    """A report as one HTML file, its live panels as they are now.

    Raises:
        NotFound: there is none of that name.
    """
    stored = _read(store, principal, entity, project, name)
    texts = panel_texts(stored.text)
    panels = {text: _drawn(stored, text, store, principal) for text in texts}
    return "".join(
        page_of(_detail(store, stored), panels, _pictures(store, stored.uid, panels, texts))
    )


def _pictures(store: Store, uid: str, panels: Panels, texts: Mapping[str, int]) -> dict[str, str]:
    """The images of panels as data addresses, as long as all of them together fit.

    An address is written wherever its image is shown, so each use takes room.
    """
    found: dict[str, str] = {}
    blobs: dict[str, BlobView] = {}
    keepers: dict[str, str] = {}
    uses: Counter[str] = Counter()
    for text, drawn in panels.items():
        for blob in _images(drawn):
            blobs[blob.digest] = blob
            if not isinstance(drawn, EpochalError) and drawn[0].frozen:
                keepers[blob.digest] = drawn[0].frozen
            uses[blob.digest] += texts[text]
    room = MAX_PICTURES
    for digest, blob in blobs.items():
        size = blob.size * uses[digest]
        if not blob.present or blob.type not in _IMAGES or size > room:
            continue
        with contextlib.suppress(EpochalError):  # lost or damaged: it is named in its place
            body = b64encode(_bytes_of(store, uid, keepers.get(digest), digest)).decode()
            found[digest] = f"data:{blob.type};base64,{body}"
            room -= size
    return found


def _bytes_of(store: Store, uid: str, frozen: str | None, digest: str) -> bytes:
    """Bytes of media: those that a frozen panel keeps, else those of the run."""
    if frozen is None:
        return store.blobs.read(digest)
    data = reportfiles.kept_content(store, uid, frozen, digest).path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise CorruptFile(digest, "its bytes do not have the digest in its name")
    return data


def _images(drawn: Drawn | EpochalError) -> Iterator[BlobView]:
    """The images that a panel shows, each as often as it does."""
    if isinstance(drawn, EpochalError) or drawn[0].kind != "media":
        return
    for entry in drawn[1].media or []:
        for item in entry.items[:MAX_ITEMS]:
            if item.kind == "image" and "data" in item.blobs:
                yield item.blobs["data"]


def _drawn(
    report: reportfiles.StoredReport, text: str, store: Store, principal: Principal | None
) -> Drawn | EpochalError:
    """What is drawn for a panel, or why nothing is: that is told in its place."""
    try:
        panel = read_panel(bounds.plain_text(text, "a panel", bounds.MAX_WHERE))
        if panel.frozen:
            return panel, reportfiles.read_frozen(store, report.uid, panel.frozen)
        place = report.entity, report.project
        return panel, panel_data(store, principal, place, text, panel)
    except EpochalError as error:
        return error


def _frozen_name(text: str) -> str:
    return read_panel(f"panel: lines:x\nfrozen: {bounds.plain_text(text, 'a name')}").frozen


def _detail(store: Store, found: reportfiles.StoredReport) -> ReportDetail:
    values = asdict(found)
    return ReportDetail(
        frozen=reportfiles.frozen_names(store, values.pop("uid")),
        **values,
    )


def _read(
    store: Store, principal: Principal | None, entity: str | None, project: str, name: str
) -> reportfiles.StoredReport:
    """A report for who may read it."""
    require(principal, Permission.READ)
    return reports.find_report(store, *_place(entity, project, name))


def _title(given: str) -> str:
    return check_name(given, "the title of a report", MAX_TITLE)


def _text(given: str) -> str:
    return bounds.plain_text(given, "the text of a report", MAX_REPORT)


def _place(entity: str | None, project: str, name: str) -> tuple[str, str, str]:
    plain = bounds.plain_text(name, "report name", MAX_NAME)
    return bounds.entity_name(entity), bounds.project_name(project), plain
