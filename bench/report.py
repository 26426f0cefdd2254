"""Turns bench/results/latest.json into docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from bench import bars

TARGET = Path(__file__).parent.parent / "docs" / "benchmarks.md"
Results = dict[str, Any]

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


def number(value: Any) -> str:
    if not isinstance(value, (int, float)):
        return "-"
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


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
    rows = [
        [f"{int(count):,}", *(number(costs[name]) for name in heads)]
        for count, costs in found.items()
    ]
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
    rows = [[shape, *(number(cost[field]) for field in fields)] for shape, cost in found.items()]
    return (
        "## Artifacts over HTTP\n\nOne artifact, script and server on this machine. *Copy* reads,"
        " hashes (sha256) and writes each file once; % is the speed relative to it. *Log* takes"
        " the files into the home of the run; *upload* ends when all of it is durable on the"
        " server, and is measured against a synced copy.\n\n" + table(head, rows)
    )


def wandb_section(found: Results) -> str:
    logged, pages = found["ingest"], found["pages"]
    text = (
        f"## wandb's client\n\n{logged['clients']} real clients log rows of 20 numbers, 200 a"
        f" second each: {number(logged['rows'])} rows, {logged['lost']} lost; the server answers"
        f" a request of file_stream in {number(logged['p50_ms'])} ms (p50),"
        f" {number(logged['p99_ms'])} ms (p99), and spends"
        f" {number(logged['server_cpu_us_per_row'])} us of CPU on a row; the clients, on the same"
        f" cores but after the server, spend {number(logged.get('clients_cpu_us_per_row'))} us."
        f" A page of 50 runs"
        f" out of {number(pages['runs'])} costs the server"
        f" {number(pages['server_cpu_ms_per_page'])} ms of CPU.\n\n"
    )
    if replay := found.get("replay"):
        text += (
            "The same requests without the clients, five times as often"
            f" ({number(replay['rows'])} rows, {replay['lost']} lost): answered in"
            f" {number(replay['p50_ms'])} ms (p50), {number(replay['p99_ms'])} ms (p99), for"
            f" {number(replay['server_cpu_us_per_row'])} us of CPU a row.\n\n"
        )
    columns = {
        "rows": "rows", "keys": "keys", "scan_history s": "scan_s",
        "the client by itself s": "scan_floor_s",
        "CPU s of the client in it": "scan_client_cpu_s", "of one key s": "scan_one_key_s",
        "history s": "history_s", "server CPU s of all": "server_cpu_s",
    }  # fmt: skip
    scans = [found["scan"], found["scan_20_keys"]]
    rows = [[number(scan.get(field)) for field in columns.values()] for scan in scans]
    text += table(list(columns), rows)
    if file := found.get("file"):
        text += (
            f"\nA file of {number(file['mib'])} MiB as an artifact, beside `cp` and `sync` of it"
            f" ({number(file['copy_s'])} s): up in {number(file['up_s'])} s"
            f" ({number(file['up_percent'])} % of the copy's speed), after the client took"
            f" {number(file['add_s'])} s by itself to hash and stage it; down in"
            f" {number(file['down_s'])} s ({number(file['down_percent'])} %).\n"
        )
        if "floor_s" in file:
            text += (
                f"\nOf the {number(file['up_s'])} s up the client takes"
                f" {number(file['floor_s'])} s ({number(file['floor_percent'])} %)"
                " with a server that throws the bytes away. A"
                f" copy that hashes, by one thread as in *Artifacts over HTTP*, takes"
                f" {number(file['copy_hashed_s'])} s: beside it the upload has"
                f" {number(file['up_hashed_percent'])} % of the speed"
                f" ([what the bar means](decisions/0017-wandb-uploads.md)).\n"
            )
    return text


MLFLOW_COSTS = {
    "log_metric": ("server CPU ms, `log_metric`", 12),
    "log_batch": ("`log_batch` of 1,000 points", 10),
    "history": ("`get_metric_history`", 8),
    "create": ("a run with 20 metrics begun, logged, ended", 12),
    "first_search": ("the first `search_runs` of all of these", 10),
    "search": ("the same again, mean of five", 10),
    "filtered": ("`search_runs`, filtered and ordered, 100", 10),
}


def mlflow_section(found: Results) -> str:
    ours, one, default = found["epochal"], found["one worker"], found["default"]
    sizes = found["sizes"]

    def row(label: str, bar: float, *path: str) -> list[str]:
        values = [ours, one, default]
        for name in path:
            values = [value[name] for value in values]
        ratios = [number(value / values[0]) + "x" for value in values[1:]]
        return [label, *map(number, values), *ratios, f"{bar:g}x"]

    rows = [row(label, bar, name, "cpu_ms") for name, (label, bar) in MLFLOW_COSTS.items()]
    rows += [
        row("client waits ms, `log_metric`, p50", 3, "log_metric", "p50_ms"),
        row("artifact up s, median of three", 2, "upload", "wall_s"),
        row("artifact down s, median of three", 2, "download", "wall_s"),
        row("start to first answer s", 10, "start_s"),
        row("memory MB after all that", 10, "memory_mb"),
    ]
    head = ["", "**Epochal**", "one worker", "default", "ratio", "ratio to default", "wanted"]
    return (
        "## MLflow's client\n\nIts unmodified client against Epochal and against `mlflow server`"
        " on SQLite, with one worker and as it starts by default. Epochal's writes are on the"
        f" device when it answers. {sizes['calls']:,} single metrics, {sizes['batches']:,} batches"
        f" and their history, {sizes['runs']:,} runs, an artifact of {sizes['megabytes']:,} MiB;"
        " ratios are theirs to ours.\n\n" + table(head, rows)
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
    rows = [
        [NAMES.get(peer, peer), *(number(cost[field]) for field in fields)]
        for peer, cost in found.items()
    ]
    rows += bars.beside_others(found, fields[:-1])
    head = ["page", "first curve s", "MB loaded", "requests", "heap MB", "outside hosts asked"]
    return (
        "## Pages of charts, opened cold\n\nThe same 30 runs of 8 metrics over 500 steps, each in"
        " its own page of charts without a click; Aim's is that of one run.\n\n"
        + table(head, rows)
    )


def watch_section(found: Results) -> str:
    rows = [
        [
            f"{model}, {NAMES[peer]}",
            *(number(cost[field]) for field in ("step_us", "between_us", "record_us", "percent")),
        ]
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
        [
            f"{model}, {variant}",
            *(number(cost[field]) for field in fields),
            number(cost["bytes"] / 1e6),
        ]
        for model, by_variant in found.items()
        for variant, cost in by_variant.items()
    ]
    return (
        "## Models\n\nSave with a signature and an example, load (MLflow: `pyfunc`), predict a"
        " batch of 8. Epochal's save loads the model again and compares its output; *weights only*"
        " keeps no exported program and checks nothing.\n\n" + table(head, rows)
    )


def tensorboard_section(found: Results) -> str:
    read_head = ["event files, reader", "points", "CPU s", "million points / CPU s", "peak MB"]
    read_rows = [
        [
            f"{name}, {variant}",
            *(number(cost[field]) for field in ("points", "cpu_s")),
            number(cost["per_cpu_s"] / 1e6),
            number(cost["peak_mb"]),
        ]
        for name, shape in found.items()
        for variant, cost in shape["read"].items()
    ]
    page_head = ["event files, server", "until all is visible s", "points of a tag", "memory MB"]
    fields = ("visible_s", "points_of_a_tag", "memory_mb")
    page_rows = [
        [f"{name}, {peer}", *(number(cost[field]) for field in fields)]
        for name, shape in found.items()
        for peer, cost in shape["page"].items()
    ]
    return (
        "## TensorBoard\n\nEvent files with one scalar per event; both readers verify every"
        " checksum. *Import* also writes the journals. The servers: from their start with"
        " `--logdir` until every run shows its last step, as they serve it by default; memory"
        " is that of all their processes then.\n\n"
        + table(read_head, read_rows)
        + "\n"
        + table(page_head, page_rows)
    )


def lightning_section(found: Results) -> str:
    names = {
        "csv": "CSVLogger",
        "tensorboard": "TensorBoardLogger",
        "wandb": "WandbLogger, offline",
        "epochal": "**EpochalLogger**",
    }
    fields = ("p50_us", "p99_us", "mean_us", "cpu_us")
    rows = [
        [names[peer], *(number(cost[field]) for field in fields)] for peer, cost in found.items()
    ]
    head = ["logger", "p50 us", "p99 us", "mean us", "CPU us/call"]
    return (
        "## Lightning\n\nFive values at every step. How long a Trainer waits in its logger, and"
        " CPU time of all threads and children per call of the logger in a bare loop.\n\n"
        + table(head, rows)
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
