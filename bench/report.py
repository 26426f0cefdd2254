"""Turns bench/results/latest.json into docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from bench import bars
from bench.cells import Results, number, row, table
from bench.report_clients import (
    lightning_section,
    mlflow_section,
    tensorboard_section,
    wandb_section,
)

TARGET = Path(__file__).parent.parent / "docs" / "benchmarks.md"
NAMES = {
    "list_append": "*list.append*",
    "sqlite_rows": "*SQLite row per point*",
    "epochal": "**Epochal**",
    "wandb": "wandb, offline",
    "mlflow": "mlflow, SQLite",
    "tensorboard": "tensorboardX (float32)",
    "trackio": "trackio",
}

INTRODUCTION = """# Benchmarks

This page is written by `python -m bench run`; do not edit it. Every peer runs in its own
environment and does the same work on the same machine in the same run, in turns. **Ratios are what
to read**: absolute figures move with the machine. A *point* is one scalar. CPU is user + system
time, children that the process waited for included. A peer's capture of console, system and git is
switched off where it can be.
"""


def clients_section(found: Results, versions: dict[str, str]) -> str:
    def cell(work: str, field: str) -> Callable[[str], str]:
        return lambda peer: number(found[work].get(peer, {}).get(field))

    columns = {
        "5 scalars p50 us": cell("calls5", "p50_us"),
        "p99 us": cell("calls5", "p99_us"),
        "500 scalars p50 us": cell("calls500", "p50_us"),
        "200 calls/s p50 us": cell("paced", "p50_us"),
        "p99 us ": cell("paced", "p99_us"),
        "CPU us/point": cell("calls5", "cpu_us_per_point"),
        "bytes/point": cell("calls5", "bytes_per_point"),
        "start + finish CPU s": cell("start", "cpu_s"),
        "lost to SIGKILL": lambda peer: lost(found["killed"].get(peer, {})),
    }
    rows = []
    for peer, name in NAMES.items():
        if peer in found["calls5"]:
            label = f"{name} {versions.get(peer, '')}".strip()
            rows.append([label, *(read(peer) for read in columns.values())])
    return "## Logging\n\n" + table(["peer", *columns], rows)


def lost(result: Results) -> str:
    return f"{result['lost']:g} of {result['accepted']:g}" if "lost" in result else "-"


INGESTS = {
    "ingest_5_keys": "5 scalars a call",
    "ingest_20_keys": "20 scalars a call (SQLite: 100 points a transaction)",
    "ingest_500_keys": "500 scalars a call",
}
CHARTS = {
    "chart_1m": "1M points to 1,500 buckets",
    "chart_10m": "10M points to 1,500 buckets",
    "panel_500x10k": "500 series x 10k points to 1,000 buckets, one request",
}


def store_section(store: Results) -> str:
    ingests = [
        [
            label,
            number(store[name]["epochal_us_per_point"]),
            number(store[name]["throughput_ratio"]) + "x",
            number(store[name]["epochal_bytes_per_point"]),
            "1/" + number(store[name]["bytes_ratio"]),
        ]
        for name, label in INGESTS.items()
    ]
    charts = [
        [
            label,
            number(store[name]["epochal_ms"]),
            number(store[name]["sqlite_ms"]),
            "1/" + number(store[name]["ratio"]),
        ]
        for name, label in CHARTS.items()
    ]
    head = ["log + ingest until queryable", "CPU us/point", "throughput", "bytes/point", "bytes"]
    writers, rewind = store["eight_writers"], store["rewind_1m"]
    return "\n".join(
        [
            "## Store, beside a SQLite row per point\n",
            table(head, ingests),
            table(["chart query, warm", "CPU ms", "SQLite CPU ms", "ratio"], charts),
            f"- Exact read-back of 1M points: {number(store['chart_1m']['read_back_ms'])} ms CPU.",
            (
                f"- Rewind of 40 % of 1M points: {number(rewind['epochal_us'])} us;"
                f" SQLite DELETE {number(rewind['sqlite_us'])} us."
            ),
            (
                f"- Eight processes at once: {writers['found']:,.0f} of {writers['expected']:,.0f}"
                f" points found, {writers['errors']:g} errors,"
                f" {number(writers['points_per_s'])} points/s until queryable.\n"
            ),
        ]
    )


def runs_section(runs: Results) -> str:
    return (
        f"## Run lists\n\n- {runs['runs']:,} runs of 20 params + 50 metrics, filter two params,"
        f" sort by a metric, first 100 with full rows: {number(runs['query_ms'])} ms CPU.\n"
        "- List 1,000 runs with 20 params and 20 metrics:"
        f" {number(runs['list_1000_ms'])} ms CPU.\n"
        f"- Ingest of a short run: {number(runs['ingest_ms_per_run'])} ms CPU.\n"
    )


def lists_section(found: Results) -> str:
    heads = {
        "search_ms": "filter two params, sort by a metric",
        "search_deep_page_ms": "its 11th page",
        "search_70_columns_ms": "with 70 columns",
        "newest_ms": "newest first",
        "newest_70_columns_ms": "with 70 columns",
    }
    rows = [row(f"{int(count):,}", costs, heads) for count, costs in found.items()]
    return "CPU ms of a page of 100 runs:\n\n" + table(["runs", *heads.values()], rows)


def http_section(http: Results) -> str:
    return (
        f"## Native ingest over HTTP\n\n- {number(http['points_per_cpu_s'])} points per server"
        " CPU second until queryable; durable answer to 1 MiB after"
        f" {number(http['ack_p50_ms'])} ms (p50).\n"
    )


def transfer_section(found: Results) -> str:
    head = ["files", "copy s", "log s", "%", "upload s", "% ", "download s", "%  "]
    fields = (
        "copy_s", "log_s", "log_percent", "send_s", "send_percent", "download_s",
        "download_percent",
    )  # fmt: skip
    rows = [row(shape, cost, fields) for shape, cost in found.items()]
    return (
        "## Artifacts over HTTP\n\nOne artifact, script and server on this machine. *Copy* reads,"
        " hashes (sha256) and writes each file once; % is the speed relative to it. *Log* takes"
        " the files into the home of the run; *upload* ends when all of it is durable on the"
        " server, and is measured against a synced copy.\n\n" + table(head, rows)
    )


def page_section(page: Results) -> str:
    held = [
        [what, number(figure), number(limit), met] for what, figure, limit, met in bars.rows(page)
    ]
    told = {bar.figure for bar in bars.BARS}
    rest = [f"- {name}: {number(value)}" for name, value in page.items() if name not in told]
    return (
        "## Page (headless Chromium, software drawing)\n\nThe bars of its design, for a machine"
        f" of 1.0; this one was {number(page['machine'])} (greater is slower).\n\n"
        + table(["bar", "measured", "below", "met"], held)
        + f"\n{bars.TESTS}\n"
        + "\n".join(rest)
        + "\n"
    )


def opening_section(found: Results) -> str:
    fields = ("first_curve_s", "megabytes", "requests", "heap_mb", "outside_hosts")
    rows = [row(NAMES.get(peer, peer), cost, fields) for peer, cost in found.items()]
    rows += bars.beside_others(found, fields[:-1])
    head = ["page", "first curve s", "MB loaded", "requests", "heap MB", "outside hosts asked"]
    return (
        "## Pages of charts, opened cold\n\nThe same 30 runs of 8 metrics over 500 steps, each in"
        " its own page of charts without a click; Aim's is that of one run.\n\n"
        + table(head, rows)
    )


def watch_section(found: Results) -> str:
    fields = ("step_us", "between_us", "record_us", "percent")
    rows = [
        row(f"{model}, {NAMES[peer]}", cost, fields)
        for model, by_peer in found.items()
        for peer, cost in by_peer.items()
    ]
    head = ["model", "step us", "us between records", "record us", "% at log_freq=1000"]
    return (
        "## Watching gradients\n\nBatches of 32 on one CPU thread, CPU time; differences within"
        " a per cent of a step are noise.\n\n" + table(head, rows)
    )


def models_section(found: Results) -> str:
    head = ["model, variant", "first save s", "save s", "load s", "predict ms", "MB"]
    fields = ("first_save_s", "save_s", "load_s", "predict_ms")
    rows = [
        [*row(f"{model}, {variant}", cost, fields), number(cost["bytes"] / 1e6)]
        for model, by_variant in found.items()
        for variant, cost in by_variant.items()
    ]
    return (
        "## Models\n\nSave with a signature and an example, load (MLflow: `pyfunc`), predict a"
        " batch of 8. Epochal's save loads the model again and compares its output; *weights only*"
        " keeps no exported program and checks nothing.\n\n" + table(head, rows)
    )


def sweeps_section(found: Results) -> str:
    searchers = list(next(iter(found["quality"].values())))
    rows = [
        [name, *(number(values[one]) for one in searchers)]
        for name, values in found["quality"].items()
    ]
    ask, crowd = found["asking"], found["crowd"]
    return (
        f"## Sweeps\n\nMedian over {found['seeds']} seeds of the best value after"
        f" {found['trials']} trials; 0 is the minimum but for Branin (0.398). Epochal's `bayes`"
        " takes turns between Optuna's GP and TPE, and is asked through service and store.\n\n"
        + table(["function, dimensions", *searchers], rows)
        + f"\nOne question at {ask['finished']:,} finished trials: {number(ask['ask_p50_ms'])} ms"
        f" of CPU (p99 {number(ask['ask_p99_ms'])}), a report {number(ask['report_ms'])} ms."
        f" {crowd['agents']} agents at once: {crowd['trials']:,} trials,"
        f" {number(crowd['trials_per_s'])} per second, {crowd['twice']} given twice.\n"
    )


def sections_of(text: str) -> dict[str, str]:
    """The sections of a page by their titles."""
    return {part.split("\n", 1)[0]: f"## {part}" for part in text.split("\n## ")[1:]}


def fresh(results: Results, parts: Collection[str]) -> dict[str, str]:
    """The sections of some parts by their titles, each with when and where it was measured."""
    machine = results["machine"]
    stamp = (
        f"\n*Measured {machine['date']}, {machine['cores']} cores, Python {machine['python']}"
        f"{', small sizes' if machine['quick'] else ''}.*\n"
    )
    sections: dict[str, Callable[[Results], str]] = {
        "clients": lambda found: clients_section(found, machine["versions"]),
        "store": store_section,
        "runs": runs_section,
        "lists": lists_section,
        "http": http_section,
        "transfer": transfer_section,
        "page": page_section,
        "opening": opening_section,
        "watch": watch_section,
        "models": models_section,
        "tensorboard": tensorboard_section,
        "sweeps": sweeps_section,
        "lightning": lightning_section,
        "wandb": wandb_section,
        "mlflow": mlflow_section,
    }
    texts = [section(results[part]) for part, section in sections.items() if part in parts]
    return sections_of("\n" + "\n".join(text + stamp for text in texts))


def write(results: Results, parts: Collection[str], *, keep: bool = True) -> None:
    """Print the tables of some parts and, when they are to be kept, write docs/benchmarks.md.

    What that page says of parts that were not measured stays.
    """
    measured = fresh(results, parts)
    print("\n".join(measured.values()))
    if keep:
        before = sections_of(TARGET.read_text()) if TARGET.exists() else {}
        whole = [text.rstrip("\n") + "\n" for text in (before | measured).values()]
        TARGET.write_text("\n".join([INTRODUCTION, *whole]))
