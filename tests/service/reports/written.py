"""Runs to report on, and reports on them."""

from __future__ import annotations

from pathlib import Path

from epochal.domain.access import LOCAL_USER
from epochal.domain.record import Config, Media, MediaItem
from epochal.domain.report import NewFrozen, NewReport, ReportDetail
from epochal.journal.blobs import Blobs
from epochal.service import reports
from epochal.store.owner import Store
from tests.store.journals import Writing

NASTY = "</script><img src=x onerror=alert(1)>'\"&"


LOSS = "panel: lines:loss"


def write_runs(home: Path, count: int = 3) -> None:
    """Runs of 200 steps with config and a spike."""
    for number in range(count):
        writing = Writing(home, f"r{number}", project="mnist", second=number)
        writing.fact(Config(writing.now, {"lr": 0.1 / (number + 1)}))
        for step in range(200):
            writing.row(step, **{"loss": 1 / (step + 1), "val/loss": 2.0})
        for step in range(0, 200, 2):
            nan = {"nan": 1} if step == 100 else {}
            meta = {"edges": [-1.0, 0.0, 2.0], "counts": [3, step], "stats": nan}
            items = [MediaItem("histogram", meta)]
            writing.fact(Media("weights", step, writing.now, items))
        png = Blobs(home).put(b"png", "image/png")
        wav = Blobs(home).put(b"wav", "audio/wav")
        for key, item in {
            "words": MediaItem("text", {"text": "x"}),
            "shots": MediaItem("image", {"width": 1}, {"data": png}),
            "table": MediaItem("table", {"columns": ["c"], "preview": [["a<b"]], "rows": 1}),
            "sound": MediaItem("audio", {}, {"data": wav}),
        }.items():
            writing.fact(Media(key, 0, writing.now, [item]))
        writing.finish()


def make(store: Store, text: str = "", title: str = "Which rate?") -> ReportDetail:
    return reports.create_report(store, LOCAL_USER, NewReport("mnist", title, text=text))


def block(lines: str) -> str:
    return f"Before.\n\n```panel\n{lines}\n```\n\nAfter."


def page(store: Store, name: str) -> str:
    return reports.report_page(store, LOCAL_USER, None, "mnist", name)


def freeze(store: Store, name: str, panel: str) -> str:
    return reports.freeze_panel(store, LOCAL_USER, None, "mnist", name, NewFrozen(panel)).name


def report_directory_of(store: Store) -> Path:
    """Where the files of the only report lie."""
    (found,) = (store.home / "reports").iterdir()
    return found
