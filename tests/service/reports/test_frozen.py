"""Frozen panels keep what they show, whatever becomes of their runs."""

from __future__ import annotations

import os
import time
from base64 import b64decode

import pytest

from epochal.domain.access import LOCAL_USER
from epochal.domain.columns import unpack_columns
from epochal.domain.report import MAX_FROZEN, ReportChanges
from epochal.domain.view import RunQuery
from epochal.errors import InvalidInput, NotFound
from epochal.service import reports, runs
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from tests.service.reports.written import LOSS, block, freeze, make, page, report_directory_of
from tests.store.journals import Writing


def test_a_frozen_panel_keeps_the_buckets_of_its_axis(home):
    """On a logarithmic x each decade of a long run has its points, on the page and in the file."""
    writing = Writing(home, "long", project="mnist")
    for step in range(3000):
        writing.row(step, loss=1 / (step + 1))
    writing.finish()
    with open_store(home) as store:
        ingest_home(store)
        name = make(store).name
        kept = freeze(store, name, f"{LOSS}\nlog: x")
        data = reports.read_frozen(store, LOCAL_USER, None, "mnist", name, kept)
        head, columns = unpack_columns(b64decode(data.columns or ""))
        starts = columns["bucket"] * head["width"]
        assert head["scale"] == "log"
        assert starts[:12].tolist() == list(range(12))
        assert columns["n"].sum() == 3000
        text = block(f"{LOSS}\nlog: x\nfrozen: {kept}")
        reports.change_report(store, LOCAL_USER, None, "mnist", name, ReportChanges(1, text=text))
        assert page(store, name).count("<polyline") == 1


def test_a_frozen_panel_outlives_its_runs(store):
    name = make(store).name
    kept = freeze(store, name, LOSS)
    for run in range(3):
        uid = runs.resolve_run(store, LOCAL_USER, None, "mnist", f"r{run}").uid
        runs.delete_run(store, LOCAL_USER, uid)
    data = reports.read_frozen(store, LOCAL_USER, None, "mnist", name, kept)
    assert [run.id for run in data.runs] == ["r2", "r1", "r0"]
    assert data.columns is not None
    text = block(f"{LOSS}\nfrozen: {kept}") + block("panel: lines:val/loss")
    changes = ReportChanges(1, text=text)
    reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    shown = page(store, name)
    assert shown.count("<polyline") == 3
    assert "frozen 20" in shown


def test_frozen_histograms_outlive_their_runs(store):
    name = make(store).name
    kept = freeze(store, name, "panel: heat:weights")
    part = freeze(store, name, "panel: heat:weights\nrange: 90,110")
    for run in range(3):
        uid = runs.resolve_run(store, LOCAL_USER, None, "mnist", f"r{run}").uid
        runs.delete_run(store, LOCAL_USER, uid)
    data = reports.read_frozen(store, LOCAL_USER, None, "mnist", name, kept)
    assert data.media is not None
    steps = [entry.step for entry in data.media if entry.run == data.runs[0].uid]
    assert (len(steps), steps[0], steps[-1]) == (60, 0, 198)
    blocks = [block(f"panel: heat:weights\nfrozen: {which}") for which in (kept, part)]
    changes = ReportChanges(1, text="\n\n".join(blocks))
    reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    shown = page(store, name)
    assert shown.count('role="img"') == 6
    assert shown.count("60 steps</p>") == 3
    assert shown.count("11 steps · not finite from step 100</p>") == 3


def test_frozen_panels_that_the_text_does_not_name_make_room_after_a_day(store, home):
    name = make(store).name
    named = freeze(store, name, LOSS)
    changes = ReportChanges(1, text=block(f"{LOSS}\nfrozen: {named}"))
    reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    (directory,) = home.glob("reports/*")
    for number in range(MAX_FROZEN):
        (directory / f"{number:032x}.panel").write_bytes(b"")
    old = time.time() - 86_500
    for path in (directory / f"{named}.panel", directory / f"{0:032x}.panel"):
        os.utime(path, (old, old))
    fresh = freeze(store, name, "panel: lines:val/loss")
    kept = reports.find_report(store, LOCAL_USER, None, "mnist", name).frozen
    assert {named, fresh} <= set(kept)
    assert len(kept) == MAX_FROZEN + 1


def test_as_many_frozen_panels_as_a_report_may_show_is_told(store, home):
    names = [f"{number:032x}" for number in range(MAX_FROZEN)]
    text = "\n".join(block(f"{LOSS}\nfrozen: {name}") for name in names)
    name = make(store, text).name
    (directory,) = home.glob("reports/*")
    for frozen in names:
        (directory / f"{frozen}.panel").write_bytes(b"")
    with pytest.raises(InvalidInput, match="take one out of its text"):
        freeze(store, name, LOSS)


def test_what_cannot_be_frozen_is_told(store):
    name = make(store).name
    with pytest.raises(InvalidInput, match="no line of a panel"):
        freeze(store, name, "nothing")
    with pytest.raises(InvalidInput, match="no name of a frozen panel"):
        reports.read_frozen(store, LOCAL_USER, None, "mnist", name, "../../epochal")


def test_frozen_media_stay_when_their_run_and_its_blobs_are_gone(store):
    """Pictures, tables and sounds; on the page of the report, too."""
    panels = {key: f"panel: media:{key}" for key in ("shots", "table", "sound", "words")}
    name = make(store).name
    frozen = {key: freeze(store, name, panel) for key, panel in panels.items()}
    text = "\n\n".join(block(f"{panel}\nfrozen: {frozen[key]}") for key, panel in panels.items())
    changes = ReportChanges(1, text=text)
    reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    before = page(store, name)
    for row in runs.query_runs(store, LOCAL_USER, RunQuery("mnist")).runs:
        runs.delete_run(store, LOCAL_USER, row.uid)
    for digest in list(store.blobs.digests()):
        store.blobs.remove(digest)
    assert page(store, name) == before
    assert "data:image/png;base64," in before
    place = (None, "mnist", name)
    shown = reports.read_frozen(store, LOCAL_USER, None, "mnist", name, frozen["shots"])
    assert [run.id for run in shown.runs] == ["r2", "r1", "r0"]
    (digest,) = {entry.items[0].blobs["data"].digest for entry in shown.media or []}
    kept = reports.read_kept(store, LOCAL_USER, place, frozen["shots"], digest)
    assert (kept.path.read_bytes(), kept.type) == (b"png", "image/png")
    with pytest.raises(NotFound, match="keeps no blob"):
        reports.read_kept(store, LOCAL_USER, place, frozen["sound"], digest)
    with pytest.raises(InvalidInput):
        reports.read_kept(store, LOCAL_USER, place, frozen["shots"], "../report.json")


def test_media_that_are_lost_or_too_large_are_not_frozen(store, monkeypatch):
    name = make(store).name
    for digest in list(store.blobs.digests()):
        store.blobs.remove(digest)
    with pytest.raises(NotFound, match="freeze it again"):
        freeze(store, name, "panel: media:shots")
    monkeypatch.setattr(reports, "MAX_KEPT", 2)
    with pytest.raises(InvalidInput, match="show fewer runs"):
        freeze(store, name, "panel: media:shots")


def test_kept_media_that_no_revision_names_go_a_day_later(store):
    name = make(store).name
    uid = report_directory_of(store)
    unused = freeze(store, name, "panel: media:shots")
    named = freeze(store, name, "panel: media:sound")
    text = block(f"panel: media:sound\nfrozen: {named}")
    reports.change_report(store, LOCAL_USER, None, "mnist", name, ReportChanges(1, text=text))
    reports.change_report(store, LOCAL_USER, None, "mnist", name, ReportChanges(2, text="none"))
    for path in uid.iterdir():
        os.utime(path, (0, 0))
    freeze(store, name, LOSS)
    there = {path.name for path in uid.iterdir()}
    assert {f"{named}.panel", f"{named}.kept"} <= there
    assert not {f"{unused}.panel", f"{unused}.kept"} & there
