"""Every use case asks for the permission first and checks its input, on a real store."""

from __future__ import annotations

import inspect
import pkgutil
import tempfile
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import epochal.service
from epochal.domain.access import LOCAL_USER, Permission, Principal, Role
from epochal.domain.alert import MailSettings, NewRule, When
from epochal.domain.artifact import read_reference
from epochal.domain.bulk import ChangeRuns, DeleteRuns, MoveRuns
from epochal.domain.group import GroupQuery
from epochal.domain.importance import ImportanceQuery
from epochal.domain.insight import InsightSettings
from epochal.domain.key_metric import KeyMetricQuery
from epochal.domain.models import ModelChanges, ModelVersionChanges, NewModel, NewModelVersion
from epochal.domain.moving import MoveTo
from epochal.domain.objects import ArtifactChanges, MediaQuery, VersionChanges
from epochal.domain.report import NewFrozen, NewReport, ReportChanges, ShownPanel
from epochal.domain.saved import NewView, ViewChanges
from epochal.domain.sweep import (
    Beat,
    NewAgent,
    NewSweep,
    Queue,
    Repeat,
    Suggest,
    SweepChanges,
    TrialReport,
)
from epochal.domain.tracked import KeptExperiment, TrackedQuery
from epochal.domain.view import BucketQuery, PointQuery, RunChanges, RunQuery
from epochal.errors import Conflict, InvalidInput, NotFound, PermissionDenied, Unauthenticated
from epochal.reports.panel import read_panel
from epochal.service import (
    access,
    agents,
    alerts,
    artifacts,
    bests,
    bounds,
    capabilities,
    checksums,
    deposits,
    experiments,
    foreign,
    history,
    importance,
    insights,
    journals,
    logged,
    logs,
    media,
    models,
    notes,
    overviews,
    packing,
    panels,
    pieces,
    pipelines,
    projects,
    reports,
    runs,
    series,
    suggesting,
    sweeps,
    tracking,
    uploads,
    views,
)
from epochal.service.permission import require
from epochal.service.recording import Recorder
from epochal.store.follow import Follower
from epochal.store.owner import Store
from tests.server.journals import Script

UID = "a" * 32
DIGEST = "0" * 64
NAMELESS = checksums.NamedDeposit(Path(tempfile.mkdtemp()) / "y")
NOTHING = deposits.Deposit(Path(tempfile.mkdtemp()) / "x", UID, "x")
A_PIECE = deposits.Deposit(Path(tempfile.mkdtemp()) / "y", "", "")
REF = read_reference("p/data", "p")
RULE = NewRule(when=When.FAILED, webhook="http://127.0.0.1:9/x")
PANEL = "panel: lines:loss"
SWEEP = NewSweep({"method": "random", "parameters": {"lr": {"min": 0.0, "max": 1.0}}})
CALLS: dict[Any, tuple[Permission, tuple[Any, ...], dict[str, Any]]] = {
    projects.list_projects: (Permission.READ, (), {}),
    projects.key_metrics: (Permission.READ, (KeyMetricQuery([]),), {}),
    projects.project_keys: (Permission.READ, (None, "p"), {}),
    projects.project_start: (Permission.READ, (None, "p"), {"rows": True}),
    runs.query_runs: (Permission.READ, (RunQuery("p"),), {}),
    runs.query_groups: (Permission.READ, (GroupQuery("p", ["state"]),), {}),
    runs.get_run: (Permission.READ, (UID,), {}),
    importance.judge_parameters: (Permission.READ, (ImportanceQuery("p", "last(a)"),), {}),
    alerts.list_rules: (Permission.READ, (None, "p"), {}),
    alerts.add_rule: (Permission.ADMINISTER, (None, "p", RULE), {}),
    alerts.remove_rule: (Permission.ADMINISTER, (None, "p", "r"), {}),
    alerts.try_rule: (Permission.ADMINISTER, (None, "p", "r"), {}),
    alerts.list_deliveries: (Permission.READ, (None, "p"), {}),
    alerts.get_mail: (Permission.ADMINISTER, (), {}),
    alerts.set_mail: (Permission.ADMINISTER, (MailSettings(host=""),), {}),
    insights.run_insights: (Permission.READ, (UID,), {}),
    insights.get_settings: (Permission.READ, (None, "p"), {}),
    insights.change_settings: (Permission.WRITE, (None, "p", InsightSettings([])), {}),
    insights.change_run_settings: (Permission.WRITE, (UID, InsightSettings([])), {}),
    runs.resolve_run: (Permission.READ, (None, "p", "r1"), {}),
    runs.update_run: (Permission.WRITE, (UID, RunChanges(name="x")), {}),
    runs.delete_run: (Permission.WRITE, (UID,), {}),
    runs.move_run: (Permission.WRITE, (UID, MoveTo("q")), {}),
    runs.change_runs: (Permission.WRITE, (ChangeRuns([UID], RunChanges(name="x")),), {}),
    runs.delete_runs: (Permission.WRITE, (DeleteRuns([UID]),), {}),
    runs.move_runs: (Permission.WRITE, (MoveRuns([UID], MoveTo("q")),), {}),
    runs.stop_run: (Permission.WRITE, (UID,), {}),
    runs.stop_of: (Permission.READ, (UID,), {}),
    series.query_buckets: (Permission.READ, (BucketQuery([]),), {}),
    series.query_points: (Permission.READ, (PointQuery(UID, []),), {}),
    logs.read_logs: (Permission.READ, (UID,), {}),
    logs.find_lines: (Permission.READ, (UID,), {}),
    logs.line_at: (Permission.READ, (UID, 0), {}),
    journals.held: (Permission.WRITE, (UID, UID), {}),
    journals.receive: (Permission.WRITE, (UID, UID), {"offset": 0, "body": b""}),
    journals.resume_state: (Permission.READ, (UID,), {}),
    access.create_key: (Permission.ADMINISTER, ("k", Role.READER), {}),
    access.list_keys: (Permission.ADMINISTER, (), {}),
    access.revoke_key: (Permission.ADMINISTER, ("x" * 8,), {}),
    media.media_keys: (Permission.READ, (UID,), {}),
    media.query_media: (Permission.READ, (MediaQuery([UID]),), {}),
    media.list_files: (Permission.READ, (UID,), {}),
    media.unfiled_media: (Permission.READ, (UID,), {}),
    media.run_file: (Permission.READ, (UID, "a.txt"), {}),
    media.run_blob: (Permission.READ, (UID, DIGEST), {}),
    media.run_parcel: (Permission.READ, (UID, [DIGEST]), {}),
    uploads.wanted_blobs: (Permission.WRITE, (UID, 10), {}),
    uploads.receive_piece: (
        Permission.WRITE,
        (UID, DIGEST),
        {"offset": 0, "size": 1, "body": b"x"},
    ),
    uploads.receive_small: (Permission.WRITE, (UID, b""), {}),
    artifacts.list_artifacts: (Permission.READ, (None, "p"), {"type": None, "search": None}),
    artifacts.list_versions: (Permission.READ, (REF, 10, 0), {}),
    artifacts.resolve: (Permission.READ, (REF,), {}),
    artifacts.run_artifacts: (Permission.READ, (UID,), {}),
    artifacts.manifest: (Permission.READ, (REF,), {}),
    artifacts.version_file: (Permission.READ, (REF, "a"), {}),
    artifacts.version_parcel: (Permission.READ, (REF, [DIGEST]), {}),
    artifacts.diff: (Permission.READ, (REF, REF), {}),
    artifacts.lineage: (Permission.READ, (REF, 3), {}),
    artifacts.update_artifact: (Permission.WRITE, (REF, ArtifactChanges("x")), {}),
    artifacts.update_version: (Permission.WRITE, (REF, VersionChanges()), {}),
    artifacts.delete_version: (Permission.WRITE, (REF,), {"force": True}),
    artifacts.delete_artifact: (Permission.WRITE, (REF,), {}),
    artifacts.collect: (Permission.ADMINISTER, (), {"dry_run": True}),
    models.list_models: (Permission.READ, (None, None), {}),
    models.get_model: (Permission.READ, (None, "m"), {}),
    models.list_versions: (Permission.READ, (None,), {}),
    models.resolve: (Permission.READ, (None, "m@best"), {}),
    models.create_model: (Permission.WRITE, (NewModel("new"),), {}),
    models.update_model: (Permission.WRITE, (None, "m", ModelChanges()), {}),
    models.delete_model: (Permission.WRITE, (None, "m"), {}),
    models.create_version: (Permission.WRITE, (None, "m", NewModelVersion("p/data")), {}),
    models.get_version: (Permission.READ, (None, "m", 1), {}),
    models.update_version: (Permission.WRITE, (None, "m", 1, ModelVersionChanges()), {}),
    models.delete_version: (Permission.WRITE, (None, "m", 1), {}),
    pipelines.list_pipelines: (Permission.READ, (None, "p"), {}),
    pipelines.get_pipeline: (Permission.READ, (UID,), {}),
    pipelines.get_step: (Permission.READ, (UID, "s"), {}),
    pipelines.compare_pipelines: (Permission.READ, (UID, UID), {}),
    reports.list_reports: (Permission.READ, (None, "p"), {}),
    reports.find_report: (Permission.READ, (None, "p", "r"), {}),
    reports.create_report: (Permission.WRITE, (NewReport("p", "R"),), {}),
    reports.change_report: (Permission.WRITE, (None, "p", "r", ReportChanges(1)), {}),
    reports.delete_report: (Permission.WRITE, (None, "p", "r"), {}),
    reports.restore_report: (Permission.WRITE, (None, "p", "r"), {}),
    reports.show_panel: (Permission.READ, (ShownPanel("p", PANEL),), {}),
    reports.freeze_panel: (Permission.WRITE, (None, "p", "r", NewFrozen(PANEL)), {}),
    reports.read_frozen: (Permission.READ, (None, "p", "r", "0" * 32), {}),
    reports.read_kept: (Permission.READ, ((None, "p", "r"), "0" * 32, "0" * 64), {}),
    reports.list_versions: (Permission.READ, (None, "p", "r"), {}),
    reports.find_version: (Permission.READ, (None, "p", "r", 1), {}),
    reports.report_page: (Permission.READ, (None, "p", "r"), {}),
    panels.panel_data: (Permission.READ, (("local", "p"), PANEL, read_panel(PANEL)), {}),
    views.list_views: (Permission.READ, (None, "p"), {}),
    views.find_view: (Permission.READ, (None, "p", "v"), {}),
    views.create_view: (Permission.WRITE, (NewView("p", "q=x"),), {}),
    views.change_view: (Permission.WRITE, (None, "p", "v", ViewChanges()), {}),
    views.delete_view: (Permission.WRITE, (None, "p", "v"), {}),
    sweeps.create_sweep: (Permission.WRITE, (SWEEP,), {}),
    sweeps.list_sweeps: (Permission.READ, (None, "p"), {}),
    sweeps.get_sweep: (Permission.READ, ("s",), {}),
    sweeps.change_sweep: (Permission.WRITE, ("s", SweepChanges("paused")), {}),
    sweeps.delete_sweep: (Permission.WRITE, ("s",), {}),
    bests.best_trial: (Permission.READ, ("s",), {}),
    bests.repeat_trial: (Permission.WRITE, ("s", Repeat([1])), {}),
    suggesting.suggest: (Permission.WRITE, ("a", Suggest(0, 1, "x", {"value": 1})), {}),
    importance.judge_sweep: (Permission.READ, ("s",), {}),
    sweeps.enqueue: (Permission.WRITE, ("s", Queue([])), {}),
    agents.add_agent: (Permission.WRITE, (NewAgent("s"),), {}),
    agents.next_trial: (Permission.WRITE, ("a",), {}),
    agents.beat: (Permission.WRITE, ("a", Beat()), {}),
    agents.report: (Permission.WRITE, ("a", TrialReport(0, 1, "finished")), {}),
    agents.run_ended: (Permission.WRITE, (("local", "p"), "a-0"), {}),
    experiments.list_experiments: (Permission.READ, (Recorder,), {}),
    experiments.get_experiment: (Permission.READ, (Recorder, 5), {}),
    experiments.named_experiment: (Permission.READ, (Recorder, "nobody"), {}),
    experiments.create_experiment: (Permission.WRITE, (Recorder, "e", {}), {}),
    experiments.rename_experiment: (Permission.WRITE, (Recorder, 5, "f"), {}),
    experiments.tag_experiment: (Permission.WRITE, (Recorder, 5, {"a": "b"}), {}),
    experiments.keep_experiment: (Permission.WRITE, (Recorder, KeptExperiment("p", "e")), {}),
    experiments.archive_experiment: (Permission.WRITE, (Recorder, 5), {"deleted": True}),
    history.read_rows: (Permission.READ, (UID, ["loss"]), {}),
    history.read_texts: (Permission.READ, (UID,), {}),
    overviews.describe_runs: (Permission.READ, ([UID],), {}),
    overviews.labels_of: (Permission.READ, ([UID],), {}),
    overviews.labelled_runs: (Permission.READ, (("local", "p"), "$user"), {}),
    tracking.known_run: (Permission.READ, (Recorder, UID), {}),
    tracking.read_run: (Permission.READ, (Recorder, UID), {}),
    tracking.search_runs: (Permission.READ, (Recorder, TrackedQuery([("local", "p")])), {}),
    tracking.read_history: (Permission.READ, (Recorder, UID, "loss"), {}),
    tracking.create_run: (Permission.WRITE, (Recorder, tracking.NewRun(0, "c", "n", {})), {}),
    tracking.change_run: (Permission.WRITE, (Recorder, UID), {"client": "c"}),
    tracking.log: (Permission.WRITE, (Recorder, UID, tracking.Batch()), {}),
    tracking.remove_label: (Permission.WRITE, (Recorder, UID, "k"), {}),
    tracking.extend_label: (Permission.WRITE, (Recorder, UID, "k", {}), {}),
    foreign.record: (Permission.WRITE, (Recorder, UID, lambda *_: None), {}),
    foreign.look: (Permission.READ, (Recorder, UID, lambda *_: None), {}),
    foreign.begin_or_go_on: (
        Permission.WRITE,
        (Recorder, ("local", "p", "r9"), "c", lambda *_: None),
        {},
    ),
    notes.read_notes: (Permission.READ, ("area", ["n"]), {}),
    notes.list_notes: (Permission.READ, ("area",), {}),
    notes.write_notes: (Permission.WRITE, ("area", {"n": b"v"}), {}),
    notes.change_note: (Permission.WRITE, ("area", "n", bytes), {}),
    checksums.begin_content: (Permission.WRITE, (), {}),
    checksums.finish_content: (Permission.WRITE, ("local", "0" * 32, NAMELESS), {}),
    checksums.known_contents: (Permission.READ, ("local", ["0" * 32]), {}),
    checksums.remember: (Permission.WRITE, ("local", {}), {}),
    checksums.read_blob: (Permission.WRITE, (DIGEST,), {}),
    checksums.md5_of_blobs: (Permission.READ, ([DIGEST],), {}),
    artifacts.entries: (Permission.READ, (REF,), {}),
    capabilities.grant: (Permission.READ, ("put", ["x"]), {}),
    deposits.begin_deposit: (Permission.WRITE, (Recorder, UID, "a.txt"), {}),
    deposits.finish_deposit: (Permission.WRITE, (Recorder, NOTHING), {}),
    deposits.list_folder: (Permission.READ, (Recorder, UID, ""), {}),
    deposits.list_holders: (Permission.READ, (Recorder, ("local", "p")), {}),
    deposits.fetch: (Permission.READ, (Recorder, UID, "a.txt"), {}),
    deposits.remove: (Permission.WRITE, (Recorder, UID, "a.txt"), {}),
    logged.create_logged: (
        Permission.WRITE,
        (Recorder, logged.NewLogged(0, "c", "m", run=UID)),
        {},
    ),
    logged.get_logged: (Permission.READ, (Recorder, "m-" + UID), {}),
    logged.list_logged: (Permission.READ, (Recorder, [("local", "p")]), {}),
    logged.change_logged: (Permission.WRITE, (Recorder, "m-" + UID), {"status": "x"}),
    logged.log_model_metrics: (Permission.WRITE, (Recorder, "m-" + UID, []), {}),
    packing.pack_model: (Permission.WRITE, (Recorder, UID, "net"), {}),
    packing.find_packed: (Permission.READ, (DIGEST,), {}),
    packing.find_logged: (Permission.READ, (Recorder, UID, "net"), {}),
    packing.list_packed: (Permission.READ, (DIGEST, ""), {}),
    packing.fetch_packed: (Permission.READ, (DIGEST, "a"), {}),
    pieces.begin_pieces: (Permission.WRITE, (Recorder, UID, "a.txt"), {}),
    pieces.begin_piece: (Permission.WRITE, (UID, 1), {}),
    pieces.finish_piece: (Permission.WRITE, (UID, 1, A_PIECE), {}),
    pieces.join_pieces: (Permission.WRITE, (Recorder, UID, "a.txt", UID, [(1, DIGEST)]), {}),
    pieces.drop_pieces: (Permission.WRITE, (UID,), {}),
    tracking.archive_run: (Permission.WRITE, (Recorder, UID), {"archived": True}),
}
"""Permission and arguments of each; the class `Recorder` stands for one on the test's store."""


def modules() -> list[ModuleType]:
    names = [module.name for module in pkgutil.iter_modules(epochal.service.__path__)]
    return [import_module(f"epochal.service.{name}") for name in names]


def test_every_use_case_is_in_the_table() -> None:
    """A new function that takes a store and a principal must say here what it needs."""
    found = {
        function
        for module in modules()
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and list(inspect.signature(function).parameters)[:2] == ["store", "principal"]
    }
    assert found == set(CALLS)


@pytest.mark.parametrize("use_case", CALLS, ids=lambda f: f"{f.__module__[16:]}.{f.__name__}")
def test_the_permission_comes_first(store: Store, use_case: Any) -> None:
    """Nobody: Unauthenticated. Too small a role: PermissionDenied. Never an answer, whatever
    is asked.
    """
    needed, given, named = CALLS[use_case]
    recorder = Recorder(store)
    arguments = [recorder if item is Recorder else item for item in given]
    with pytest.raises(Unauthenticated):
        use_case(store, None, *arguments, **named)
    for role in Role:
        principal = Principal(name="x", role=role)
        if int(role) < int(needed):
            with pytest.raises(PermissionDenied):
                use_case(store, principal, *arguments, **named)
        else:
            try:
                use_case(store, principal, *arguments, **named)
            except (NotFound, Conflict):  # the second role finds what the first one made
                continue
    recorder.close()


def test_require_gives_back_the_principal() -> None:
    """So that a use case can go on with it."""
    assert require(LOCAL_USER, Permission.ADMINISTER) is LOCAL_USER


def ingest(store: Store, script: Script) -> None:
    script.save(store.home)
    follower = Follower(store)
    while follower.poll():
        pass


def test_a_run_is_found_changed_and_deleted(store: Store) -> None:
    """The life of a run in the index, through the use cases that every door calls."""
    script = Script("r1", project="mnist").rows(1.0, 2.0).finish()
    ingest(store, script)
    assert [p.name for p in projects.list_projects(store, LOCAL_USER).projects] == ["mnist"]
    detail = runs.resolve_run(store, LOCAL_USER, None, " mnist ", "r1")
    assert detail.uid == script.uid
    changes = RunChanges(name=" new ", tags=["b", "a", "b"], notes="line\nline", color=3, group="")
    row = runs.update_run(store, LOCAL_USER, script.uid, changes)
    assert (row.name, sorted(row.tags), row.notes, row.color) == (
        "new",
        ["a", "b"],
        "line\nline",
        3,
    )
    page = runs.query_runs(store, LOCAL_USER, RunQuery("mnist", limit=10**9))
    assert [one.uid for one in page.runs] == [script.uid]
    runs.delete_run(store, LOCAL_USER, script.uid)
    with pytest.raises(NotFound):
        runs.get_run(store, LOCAL_USER, script.uid)


@pytest.mark.parametrize(
    "changes",
    [
        RunChanges(name=""), RunChanges(name="a\x00b"), RunChanges(name="\u202eevil"),
        RunChanges(name="x" * 257), RunChanges(tags=["ok", ""]), RunChanges(tags=["t"] * 1001),
        RunChanges(tags=["t" * 257]), RunChanges(notes="x" * 65_537), RunChanges(notes="\ud800"),
        RunChanges(group="\0"), RunChanges(job_type="x" * 257), RunChanges(color=-1),
        RunChanges(color=2**31),
    ],
)  # fmt: skip
def test_a_wrong_change_changes_nothing(store: Store, changes: RunChanges) -> None:
    """PT-22, DOS-08: refused as a whole, the row is as before."""
    script = Script().rows(1.0).finish()
    ingest(store, script)
    before = runs.get_run(store, LOCAL_USER, script.uid)
    with pytest.raises(InvalidInput):
        runs.update_run(store, LOCAL_USER, script.uid, changes)
    assert runs.get_run(store, LOCAL_USER, script.uid) == before


def test_keys_are_made_found_and_revoked(store: Store) -> None:
    """AU-16, AU-17: found by its text only, never shown again, dead after revocation."""
    text = access.create_key(store, LOCAL_USER, "ci", Role.WRITER)
    assert access.authenticate(store, text) == Principal(name="ci", role=Role.WRITER)
    for wrong in ("", text[:-1], text + "x", text.swapcase(), "\u00e9" * 50, "x" * 10_000):
        assert access.authenticate(store, wrong) is None
    (key,) = access.list_keys(store, LOCAL_USER)
    assert text not in repr(key)
    access.revoke_key(store, LOCAL_USER, key.prefix)
    assert access.authenticate(store, text) is None
    with pytest.raises(NotFound):
        access.revoke_key(store, LOCAL_USER, "nosuchky")


def test_bounds() -> None:
    """Amounts are clamped, lists are refused, text must be text."""
    assert [bounds.clamp(value, 1, 10) for value in (-5, 5, 500)] == [1, 5, 10]
    with pytest.raises(InvalidInput, match="3 are too many, the limit is 2"):
        bounds.at_most([1, 2, 3], 2, "things")
    for bad in ("a\0b", "\ud800", "\udfff", "x" * 11):
        with pytest.raises(InvalidInput):
            bounds.plain_text(bad, "text", 10)
    assert bounds.plain_text("\n\t\u202e\U0001f600", "text") == "\n\t\u202e\U0001f600"
    assert bounds.entity_name(None) == bounds.entity_name("") == "local"
