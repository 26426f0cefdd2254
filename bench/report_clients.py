"""What the page of benchmarks says of other tools' clients, and of loggers."""

from __future__ import annotations

from bench.cells import Results, number, row, table


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
        if "floor_down_s" in file:
            text += (
                f"\nOf the {number(file['down_s'])} s down it takes"
                f" {number(file['floor_down_s'])} s ({number(file['floor_down_percent'])} %) with"
                " a server that has the bytes in memory: it writes the file into its cache and"
                " copies it from there.\n"
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

    def compared(label: str, bar: float, *path: str) -> list[str]:
        values = [ours, one, default]
        for name in path:
            values = [value[name] for value in values]
        ratios = [number(value / values[0]) + "x" for value in values[1:]]
        return [label, *map(number, values), *ratios, f"{bar:g}x"]

    rows = [compared(label, bar, name, "cpu_ms") for name, (label, bar) in MLFLOW_COSTS.items()]
    rows += [
        compared("client waits ms, `log_metric`, p50", 3, "log_metric", "p50_ms"),
        compared("artifact up s, median of three", 2, "upload", "wall_s"),
        compared("artifact down s, median of three", 2, "download", "wall_s"),
        compared("start to first answer s", 10, "start_s"),
        compared("memory MB after all that", 10, "memory_mb"),
    ]
    head = ["", "**Epochal**", "one worker", "default", "ratio", "ratio to default", "wanted"]
    return (
        "## MLflow's client\n\nIts unmodified client against Epochal and against `mlflow server`"
        " on SQLite, with one worker and as it starts by default. Epochal's writes are on the"
        f" device when it answers. {sizes['calls']:,} single metrics, {sizes['batches']:,} batches"
        f" and their history, {sizes['runs']:,} runs, an artifact of {sizes['megabytes']:,} MiB;"
        " ratios are theirs to ours.\n\n" + table(head, rows) + _least_of_writes(found)
    )


def _least_of_writes(found: Results) -> str:
    if "floor" not in found:
        return ""
    single, run = (number(found["floor"][work]["cpu_ms"]) for work in ("log_metric", "create"))
    return (
        "\nA server of the same libraries that only appends the bytes of a request to a file and"
        f" syncs it spends {single} ms of CPU on a `log_metric` and {run} ms on such a run.\n"
    )


def tensorboard_section(found: Results) -> str:
    read_head = ["event files, reader", "points", "CPU s", "million points / CPU s", "peak MB"]
    read_rows = [
        [
            *row(f"{name}, {variant}", cost, ("points", "cpu_s")),
            number(cost["per_cpu_s"] / 1e6),
            number(cost["peak_mb"]),
        ]
        for name, shape in found.items()
        for variant, cost in shape["read"].items()
    ]
    page_head = ["event files, server", "until all is visible s", "points of a tag", "memory MB"]
    fields = ("visible_s", "points_of_a_tag", "memory_mb")
    page_rows = [
        row(f"{name}, {peer}", cost, fields)
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
    rows = [row(names[peer], cost, fields) for peer, cost in found.items()]
    head = ["logger", "p50 us", "p99 us", "mean us", "CPU us/call"]
    return (
        "## Lightning\n\nFive values at every step. How long a Trainer waits in its logger, and"
        " CPU time of all threads and children per call of the logger in a bare loop.\n\n"
        + table(head, rows)
    )
