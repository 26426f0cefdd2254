"""``epochal pipeline``: run pipelines, look at their runs, go on with them, clear up."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from epochal.api import Reader, connect
from epochal.cli.asking import DryRun, Yes, ask
from epochal.cli.figures import literal, size
from epochal.cli.options import Json
from epochal.cli.terminal import Col, note, print_json, print_line, print_table, state_style
from epochal.domain.names import SYSTEM_PREFIX
from epochal.errors import InvalidInput
from epochal.journal.home import find_home
from epochal.pipelines.collecting import collect
from epochal.pipelines.opening import open_pipeline, pipeline_of_run
from epochal.pipelines.options import read_seconds
from epochal.pipelines.report import PipelineRun, get_run, get_runs

app = typer.Typer(rich_markup_mode=None)

Home = Annotated[
    Path | None,
    typer.Option(help="Home to use; default: EPOCHAL_HOME, or the nearest .epochal directory."),
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a pipeline run.")]


@app.command()
def run(
    target: Annotated[
        str, typer.Argument(help="file.py:name or module:name; the name may be left out.")
    ],
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Its parameters.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML, TOML or JSON file with parameters.")
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Use outputs of earlier runs.")
    ] = True,
    stack: Annotated[
        str | None, typer.Option(help="Where it runs; default: the stack in use.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show what would run and what is cached.")
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Run a pipeline."""
    _use(home)
    found = open_pipeline(target)
    if not cache:
        found = found.with_options(cache=False)
    if stack is not None:
        found = found.with_options(stack=stack)
    if config is not None:
        found = found.with_options(config=config)
    found = found.with_parameters(_read_parameters(parameters or []))
    if plan:
        planned = found.plan()
        rows = [[each.name, each.action, ", ".join(each.needs), each.why] for each in planned]
        columns = [Col("step"), Col("action"), Col("needs", rank=2), Col("why", rank=1)]
        print_json(planned) if json else print_table(columns, rows)
        return
    _show(found(), json=json)


@app.command()
def ls(
    pipeline: Annotated[str | None, typer.Argument(help="Only runs of this pipeline.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also runs that asked not to be listed.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many runs at most.")] = 50,
    home: Home = None,
    json: Json = False,
) -> None:
    """List pipeline runs, newest first."""
    found = get_runs(pipeline, home, unlisted=everything)[:limit]
    rows = []
    for each in found:
        steps = [step.state for step in each.steps.values()]
        counts = ", ".join(f"{steps.count(s)} {s}" for s in dict.fromkeys(steps))
        began = each.began.started_us
        rows.append([each.id, each.pipeline, each.state, _time(began), _took(each), counts])
    if json:
        keys = ("id", "pipeline", "state", "started", "seconds", "steps")
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    columns = [
        Col("id"),
        Col("pipeline", rank=1),
        Col("state", style=state_style),
        Col("started", rank=2),
        Col("took", right=True, rank=3),
        Col("steps", rank=1, most=60),
    ]
    print_table(columns, rows)


@app.command()
def show(run: RunId, home: Home = None, json: Json = False) -> None:
    """Show the steps of a pipeline run with their outputs."""
    _show(get_run(run, home), json=json)


@app.command()
def why(
    run: RunId,
    step: Annotated[str, typer.Argument(help="Name of a step of the run.")],
    home: Home = None,
) -> None:
    """Tell why a step ran, with the changed code, or why it did not have to."""
    for line in get_run(run, home).why_ran(step).split("\n"):
        print_line(line)


@app.command()
def compare(
    before: Annotated[str, typer.Argument(help="Id of a pipeline run.")],
    after: Annotated[str, typer.Argument(help="Id of another one.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Also steps that are the same.")
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Tell which steps of two pipeline runs differ and why, with their metrics."""
    one, other = get_run(before, home), get_run(after, home)
    pairs = [each for each in one.compare(other) if everything or not each.same]
    reader = connect(home=find_home(home))
    with reader.source.session():
        metrics = {each.name: _metrics(reader, one, other, each.name) for each in pairs}
    if json:
        print_json({"before": one.id, "after": other.id, "steps": pairs, "metrics": metrics})
        return
    if not pairs:
        note("no step differs")
    for each in pairs:
        states = f"{each.before or 'not there'} -> {each.after or 'not there'}"
        print_line(f"{each.name}: {states}{', the same' if each.same else ''}")
        for line in [line for reason in each.reasons for line in reason.split("\n")]:
            print_line(f"  {line}")
        for key, (old, new) in metrics[each.name].items():
            print_line(f"  {key}: {literal(old)} -> {literal(new)}")


@app.command()
def resume(run: RunId, home: Home = None, json: Json = False) -> None:
    """Go on with a run that failed or was killed: what it finished is not run again."""
    _use(home)
    _show(pipeline_of_run(run).resume(run), json=json)


@app.command()
def gc(
    older_than: Annotated[
        str | None,
        typer.Option(help="Also what is older, such as 30d: cache entries and records of runs."),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Clear the cache of entries without outputs, and of old ones, after asking."""
    place = find_home(home)
    age = None if older_than is None else read_seconds("--older-than", older_than)
    found = collect(place, older_than_s=age, dry_run=True)
    if not json:
        print_line(f"{found.entries:,} entries of the cache; {found.kept:,} stay")
        print_line(f"{found.runs:,} records of runs, {size(found.bytes)} beside their outputs")
    if not (found.entries or found.runs):
        note("there is nothing to remove")
    elif not dry_run:
        if not yes:
            ask("Remove this for good?")
        collect(place, older_than_s=age, dry_run=False)
        note("removed; `epochal gc` frees outputs that no run refers to")
    if json:
        print_json(found)


def _use(home: Path | None) -> None:
    """Let everything in this process use a home."""
    if home is not None:
        os.environ["EPOCHAL_HOME"] = str(find_home(home))


def _read_parameters(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, mark, value = text.partition("=")
        if not name or not mark:
            raise InvalidInput(f"a parameter looks like name=value, got {text!r:.80}")
        pairs[name] = value
    return pairs


def _metrics(
    reader: Reader, before: PipelineRun, after: PipelineRun, name: str
) -> dict[str, list[Any]]:
    """The numbers of a step's summary in two runs; none when the same run did the work."""
    steps = [each.steps.get(name) for each in (before, after)]
    places = [f"{s.project}/{s.run_id}" if s is not None and s.run_id else "" for s in steps]
    if places[0] == places[1]:
        return {}
    sides = [reader.run(place).summary if place else {} for place in places]
    keys = sorted({key for side in sides for key, value in side.items() if _is_metric(key, value)})
    return {key: [side.get(key) for side in sides] for key in keys}


def _is_metric(key: str, value: Any) -> bool:
    return isinstance(value, int | float) and not key.startswith(SYSTEM_PREFIX)


def _show(found: PipelineRun, *, json: bool) -> None:
    steps = list(found.steps.values())
    if json:
        print_json(
            {"run": found.began, "state": found.state, "steps": [_as_json(s) for s in steps]}
        )
        return
    print_line(f"{found.pipeline} {found.id} {found.state}", state_style(found.state))
    if found.error:
        print_line(found.error)
    rows = []
    for each in steps:
        made = ", ".join(f"{name}: {each.out[name].stored.type}" for name in each.out)
        took = _seconds(each.started_us, each.ended_us)
        run_id = f"{each.project}/{each.run_id}" if each.run_id else ""
        rows.append([each.name, each.state, took, ", ".join(each.needs), made, run_id, each.error])
    columns = [
        Col("step"),
        Col("state", style=state_style),
        Col("took", right=True, rank=3),
        Col("needs", rank=2),
        Col("outputs", rank=3),
        Col("run", rank=4),
        Col("error", rank=1, most=80),
    ]
    print_table(columns, rows)


def _as_json(step: Any) -> dict[str, Any]:
    outputs = {name: step.out[name].stored for name in step.out}
    names = ("name", "function", "state", "needs", "run_id", "project", "error", "key")
    more = {"started_us": step.started_us, "ended_us": step.ended_us}
    return {**{name: getattr(step, name) for name in names}, **more, "outputs": outputs}


def _time(micros: int) -> str:
    return datetime.datetime.fromtimestamp(micros / 1e6).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _took(run: PipelineRun) -> str:
    return _seconds(run.began.started_us, run.ended_us)


def _seconds(start_us: int | None, end_us: int | None) -> str:
    return "" if start_us is None or end_us is None else f"{(end_us - start_us) / 1e6:.2f} s"
