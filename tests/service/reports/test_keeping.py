"""Reports keep what people wrote: against each other, and the loss of the database."""

from __future__ import annotations

import shutil

import pytest
import sqlalchemy as sa

from epochal.domain.access import LOCAL_USER
from epochal.domain.moving import MoveTo
from epochal.domain.report import MAX_REPORT, NewReport, ReportChanges, ShownPanel
from epochal.domain.view import RunQuery
from epochal.errors import Conflict, CorruptFile, InvalidInput, NotFound
from epochal.journal.home import DATABASE
from epochal.service import reports, runs
from epochal.store import reporthistory
from epochal.store.ingest import ingest_home
from epochal.store.owner import open_store
from epochal.store.recover import rebuild
from tests.service.reports.written import LOSS, freeze, make, report_directory_of, write_runs


def test_a_report_is_kept_renamed_and_listed(store):
    first = make(store)
    second = make(store)
    assert (first.name, second.name) == ("which-rate", "which-rate-2")
    assert make(store, title="损失 ?").name == "report"
    changes = ReportChanges(1, title="Other", text="x")
    changed = reports.change_report(store, LOCAL_USER, None, "mnist", first.name, changes)
    assert (changed.title, changed.text, changed.revision) == ("Other", "x", 2)
    found = reports.list_reports(store, LOCAL_USER, None, "mnist").reports
    assert [row.name for row in found] == ["which-rate", "report", "which-rate-2"]
    with pytest.raises(NotFound, match="did you mean 'which-rate'"):
        reports.find_report(store, LOCAL_USER, None, "mnist", "which-rat")


def test_two_people_cannot_write_over_each_other(store):
    name = make(store, "base").name
    mine, theirs = ReportChanges(1, text="mine"), ReportChanges(1, text="theirs")
    reports.change_report(store, LOCAL_USER, None, "mnist", name, theirs)
    with pytest.raises(Conflict, match="meanwhile"):
        reports.change_report(store, LOCAL_USER, None, "mnist", name, mine)
    assert reports.find_report(store, LOCAL_USER, None, "mnist", name).text == "theirs"


def test_a_deleted_report_can_be_restored(store):
    name = make(store, "kept").name
    kept = freeze(store, name, LOSS)
    reports.delete_report(store, LOCAL_USER, None, "mnist", name)
    assert reports.list_reports(store, LOCAL_USER, None, "mnist").reports == []
    (gone,) = reports.list_reports(store, LOCAL_USER, None, "mnist", deleted=True).reports
    with pytest.raises(NotFound, match="can be restored"):
        reports.find_report(store, LOCAL_USER, None, "mnist", gone.name)
    assert make(store).name != gone.name
    back = reports.restore_report(store, LOCAL_USER, None, "mnist", gone.name)
    assert (back.text, back.frozen) == ("kept", [kept])


@pytest.mark.parametrize("how", ["removed", "damaged"])
def test_the_loss_of_the_database_takes_no_report_along(home, how):
    write_runs(home)
    with open_store(home) as store:
        ingest_home(store)
        made = make(store, "precious")
        kept = freeze(store, made.name, LOSS)
        reports.delete_report(store, LOCAL_USER, None, "mnist", make(store, "gone").name)
    if how == "removed":
        (home / DATABASE).unlink()
    else:
        assert rebuild(home).problems == []
    with open_store(home) as store:
        found = reports.find_report(store, LOCAL_USER, None, "mnist", made.name)
        assert (found.text, found.frozen, found.revision) == ("precious", [kept], 1)
        assert len(reports.list_reports(store, LOCAL_USER, None, "mnist").reports) == 1


def test_a_damaged_file_of_a_report_is_told_and_takes_nothing_else_along(home):
    write_runs(home, 1)
    with open_store(home) as store:
        ingest_home(store)
        make(store, "lost")
        make(store, "kept")
    first = next(p for p in home.glob("reports/*/report.json") if b'"lost"' in p.read_bytes())
    first.write_bytes(b"{")
    problems = rebuild(home).problems
    assert [problem.path for problem in problems] == [str(first)]
    with open_store(home) as store:
        assert len(reports.list_reports(store, LOCAL_USER, None, "mnist").reports) == 1


@pytest.mark.parametrize("how", ["lost", "rebuilt"])
def test_files_of_one_name_and_copies_keep_no_report_back(home, how):
    """The newest keeps the name; a directory that was copied is told and left alone."""
    with open_store(home) as store:
        old, new = make(store, "old"), make(store, "new")
    kept = {text: next(p for p in home.glob("reports/*/report.json") if text in p.read_bytes())
            for text in (b'"old"', b'"new"')}  # fmt: skip
    stored = kept[b'"new"'].read_bytes()
    assert new.name.encode() in stored
    kept[b'"new"'].write_bytes(stored.replace(new.name.encode(), old.name.encode()))
    copy = home / "reports" / "copy"
    shutil.copytree(kept[b'"old"'].parent, copy)
    if how == "lost":
        (home / DATABASE).unlink()
    else:
        assert [one.path for one in rebuild(home).problems] == [str(copy / "report.json")]
    with open_store(home) as store:
        assert [str(copy) in text for text in store.unread] == [True] * (how == "lost")
        texts = {
            name: reports.find_report(store, LOCAL_USER, None, "mnist", name).text
            for name in (old.name, f"{old.name}-2")
        }
    assert texts == {old.name: "new", f"{old.name}-2": "old"}
    assert copy.exists()


def test_a_report_that_could_not_be_made_leaves_no_file(home):
    with open_store(home) as store:

        def fail(_connection):
            raise RuntimeError("no commit")

        sa.event.listen(sa.Engine, "commit", fail)
        try:
            with pytest.raises(RuntimeError, match="no commit"):
                make(store)
        finally:
            sa.event.remove(sa.Engine, "commit", fail)
        assert list(home.glob("reports/*")) == []
        assert reports.list_reports(store, LOCAL_USER, None, "mnist").reports == []
        make(store)
        assert len(list(home.glob("reports/*"))) == 1


@pytest.mark.parametrize(
    ("new", "error"),
    [
        (NewReport("mnist", ""), "empty"),
        (NewReport("mnist", "x" * 201), "201 characters"),
        (NewReport("mnist", "a", text="x" * (MAX_REPORT + 1)), "the text of a report"),
        (NewReport("mnist", "a", text="\0"), "NUL"),
    ],
)
def test_what_cannot_be_a_report_is_told(store, new, error):
    with pytest.raises(InvalidInput, match=error):
        reports.create_report(store, LOCAL_USER, new)


def test_each_revision_can_be_read_and_the_present_one_is_the_first(store):
    name = make(store, "one").name
    for revision, text in enumerate(["two", "three"], 1):
        changes = ReportChanges(revision, text=text)
        reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    of = (store, LOCAL_USER, None, "mnist", name)
    rows = reports.list_versions(*of).versions
    assert [(row.revision, row.characters) for row in rows] == [(3, 5), (2, 3), (1, 3)]
    assert [row.saved_by for row in rows] == [LOCAL_USER.name] * 3
    assert [reports.find_version(*of, number).text for number in (1, 2, 3)] == [
        "one", "two", "three",
    ]  # fmt: skip
    with pytest.raises(NotFound, match="no revision 4; there are 1 to 2, and the present 3"):
        reports.find_version(*of, 4)


def test_history_is_bounded_and_stays_when_the_database_is_lost(store, home, monkeypatch):
    monkeypatch.setattr(reporthistory, "MOST_VERSIONS", 3)
    name = make(store, "0").name
    for revision in range(1, 7):
        changes = ReportChanges(revision, text=str(revision))
        reports.change_report(store, LOCAL_USER, None, "mnist", name, changes)
    of = (store, LOCAL_USER, None, "mnist", name)
    assert [row.revision for row in reports.list_versions(*of).versions] == [7, 6, 5, 4]
    damaged = report_directory_of(store) / "5.version"
    damaged.write_bytes(b"x")
    assert [row.revision for row in reports.list_versions(*of).versions] == [7, 6, 4]
    with pytest.raises(CorruptFile):
        reports.find_version(*of, 5)
    store.close()
    (home / DATABASE).unlink()
    rebuild(home)
    with open_store(home) as again:
        rows = reports.list_versions(again, *of[1:]).versions
    assert [row.revision for row in rows] == [7, 6, 4]


def test_a_panel_follows_the_runs_that_it_names_to_where_they_were_moved(store):
    """Shown once, as they are now, with their curves and columns; told; also by old uids."""
    old = runs.query_runs(store, LOCAL_USER, RunQuery("mnist", order=["name"])).runs[1]
    new = runs.move_run(store, LOCAL_USER, old.uid, MoveTo("kept"))
    for named in ("r0, r1", f"r0, {old.uid}"):
        lines = ShownPanel("mnist", f"{LOSS}\nruns: {named}")
        data = reports.show_panel(store, LOCAL_USER, lines)
        assert {run.id: run.uid == new.uid for run in data.runs} == {"r0": False, "r1": True}
        assert ([ref.uid for ref in data.moved], data.missing) == ([new.uid], [])
        assert data.keys == ["loss"]
    bars = ShownPanel("mnist", "panel: bar:last(loss)\nruns: r1, r2, gone")
    for _ in range(2):
        data = reports.show_panel(store, LOCAL_USER, bars)
        assert data.table is not None
        assert [run.uid for run in data.table.runs][-1] == new.uid
        assert data.table.columns["last(loss)"] == [1 / 200, 1 / 200]
        assert (data.missing, data.matched) == (["gone"], 2)
        # The second time nothing is left at the old address.
        if runs.get_run(store, LOCAL_USER, old.uid).archived:
            runs.delete_run(store, LOCAL_USER, old.uid)
