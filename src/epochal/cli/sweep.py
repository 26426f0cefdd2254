"""``epochal sweep``: make a sweep, run its trials here, look at it and steer it."""

from __future__ import annotations

from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import typer

from epochal.cli.figures import ago, number, span
from epochal.cli.options import Home, Json, Url
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.domain.sweep import SweepRow, TrialRow
from epochal.errors import InvalidInput
from epochal.sweeps import Sweep, list_sweeps, open_sweep, run_agents
from epochal.sweeps import agent as run_agent
from epochal.sweeps import sweep as make_sweep
from epochal.sweeps.commands import text_of
from epochal.sweeps.crew import read_gpus, run_crew, shares

app = typer.Typer()

SweepId = Annotated[
    str, typer.Argument(metavar="SWEEP", help="Id of the sweep.", show_default=False)
]


@app.command()
def create(
    file: Annotated[Path, typer.Argument(help="Configuration in YAML.", show_default=False)],
    project: Annotated[str | None, typer.Option(help="Where the runs go.")] = None,
    entity: Annotated[str | None, typer.Option(help="Whose project.")] = None,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Make a sweep and print its id."""
    made = make_sweep(file, entity, project, url=url, home=home)
    if json:
        print_json(open_sweep(made, url=url, home=home).detail())
        return
    print_line(made)
    note(f"run its trials here with `epochal sweep agent {made}`")


@app.command()
def agent(
    sweep: SweepId,
    count: Annotated[int | None, typer.Option(help="Most trials; default: all.")] = None,
    grace: Annotated[
        float, typer.Option(help="Seconds that a trial has to end when it is stopped.")
    ] = 10.0,
    workers: Annotated[
        int | None, typer.Option(help="Agents side by side; default: one, or one per GPU.")
    ] = None,
    gpus: Annotated[
        str | None, typer.Option(help="GPUs to share out among them: all, or 0,1,3.")
    ] = None,
    executor: Annotated[
        str, typer.Option(help="Where agents run: process (here), ray or slurm.")
    ] = "process",
    cpu: Annotated[float, typer.Option(help="Cores of each agent on a cluster.")] = 1.0,
    gpu: Annotated[float, typer.Option(help="GPUs of each agent on a cluster.")] = 0.0,
    minutes: Annotated[int, typer.Option(help="Time limit of a job of Slurm.")] = 24 * 60,
    option: Annotated[
        list[str] | None,
        typer.Option(help="For the cluster, as in slurm_partition=gpu; may be repeated."),
    ] = None,
    home: Home = None,
    url: Url = None,
) -> None:
    """Run trials of a sweep with its command, until there are no more."""
    if executor != "process":
        if gpus is not None:
            raise InvalidInput("--gpus names GPUs of this machine; a cluster takes --gpu NUMBER")
        done = run_agents(
            sweep, executor=executor, workers=workers or 1, cpu=cpu, gpu=gpu, minutes=minutes,
            options=_options(option or []), count=count, grace=grace, url=url, home=home,
        )  # fmt: skip
    elif workers is not None or gpus is not None:
        parts = shares(read_gpus(gpus) if gpus is not None else [], workers)
        arguments = [sweep, f"--grace={grace}"]
        arguments += [f"--home={home}"] if home is not None else []
        arguments += [f"--url={url}"] if url is not None else []
        raise typer.Exit(run_crew(arguments, parts, count))
    else:
        done = run_agent(sweep, count=count, grace=grace, url=url, home=home)
    note(f"{done} trials were run")


def _options(words: list[str]) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise InvalidInput(f"--option is NAME=VALUE, as in slurm_partition=gpu; got {word!r}")
        found[name] = int(value) if value.isdecimal() else value
    return found


@app.command()
def ls(
    project: Annotated[
        str | None, typer.Argument(help="Project; default: all.", show_default=False)
    ] = None,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """List sweeps, newest first."""
    rows = list_sweeps(project, url=url, home=home)
    if json:
        print_json(rows)
    elif not rows:
        note("no sweeps yet; `epochal sweep create FILE` makes one")
    else:
        _print_sweeps(rows)


@app.command()
def show(sweep: SweepId, home: Home = None, url: Url = None, json: Json = False) -> None:
    """Show a sweep with its trials."""
    found = open_sweep(sweep, url=url, home=home).detail()
    if json:
        print_json(found)
        return
    _print_sweeps([found.sweep])
    if found.trials:
        print_line()
        _print_trials(found.trials)


@app.command()
def best(sweep: SweepId, home: Home = None, url: Url = None, json: Json = False) -> None:
    """Show the best trial: value, run and parameters."""
    found = open_sweep(sweep, url=url, home=home).best()
    if json:
        print_json(
            {
                "number": found.number,
                "value": found.value,
                "config": found.config,
                "run": found.run.id,
                "project": found.run.project,
                "repeats": found.repeats,
                "front": found.front,
            }
        )
        return
    print_line(f"{number(found.value)}  trial {found.number}  run {found.run.id}")
    for name, value in found.config.items():
        print_line(f"  {name}: {text_of(value)}")
    again = [trial.value for trial in found.repeats if trial.value is not None]
    if len(again) > 1:
        spread = f"{number(mean(again))} ± {number(stdev(again))}"
        print_line(f"again with {len(again)} seeds: {spread}")
        if len(set(again)) == 1:
            note("all are the same: the program may not use its seed (EPOCHAL_SEED)")
    if found.front:
        print_line()
        _print_trials(found.front)


@app.command()
def repeat(
    sweep: SweepId,
    seeds: Annotated[int, typer.Option(help="How many seeds, counted from 1.")] = 5,
    trial: Annotated[
        int | None, typer.Option(help="Number of the trial; default: the best.")
    ] = None,
    key: Annotated[str, typer.Option(help="What the config calls the seed.")] = "seed",
    home: Home = None,
    url: Url = None,
) -> None:
    """Run the best trial, or another, again with other seeds; agents do it next."""
    found = open_sweep(sweep, url=url, home=home)
    row = found.repeat(seeds, trial=trial, key=key)
    print_line(f"{row.id} is {row.state.value}, {row.queued} trials wait")


@app.command()
def pause(sweep: SweepId, home: Home = None, url: Url = None) -> None:
    """Hand out no more trials for now; agents wait."""
    _tell(open_sweep(sweep, url=url, home=home).pause())


@app.command()
def resume(
    sweep: SweepId,
    run_cap: Annotated[
        int | None, typer.Option("--run-cap", help="Allow so many trials in all.")
    ] = None,
    home: Home = None,
    url: Url = None,
) -> None:
    """Go on after pause or stop, or with a larger cap."""
    found = open_sweep(sweep, url=url, home=home)
    if run_cap is not None:
        found.extend(run_cap)
    _tell(found.resume())


@app.command()
def stop(
    sweep: SweepId,
    now: Annotated[bool, typer.Option("--now", help="End the trials that run, too.")] = False,
    home: Home = None,
    url: Url = None,
) -> None:
    """Hand out no more trials; agents go home."""
    found: Sweep = open_sweep(sweep, url=url, home=home)
    _tell(found.cancel() if now else found.stop())


def _tell(row: SweepRow) -> None:
    print_line(f"{row.id} is {row.state.value}")


def _print_sweeps(rows: list[SweepRow]) -> None:
    columns = [Col("sweep"), Col("project"), Col("method", rank=1), Col("state")]
    columns += [Col("trials", right=True), Col("metric", rank=1), Col("best", right=True)]
    columns += [Col("created", rank=2)]
    print_table(
        columns,
        [
            (
                row.id,
                row.project,
                row.method,
                row.state.value,
                f"{sum(row.trials.values())}" + (f"/{row.expected}" if row.expected else ""),
                row.metric or "",
                "" if row.best is None else number(row.best),
                ago(row.created_us),
            )
            for row in rows
        ],
    )


def _value(trial: TrialRow) -> str:
    if trial.outcomes:
        return ", ".join(number(value) for value in trial.outcomes)
    return "" if trial.value is None else number(trial.value)


def _print_trials(trials: list[TrialRow]) -> None:
    columns = [Col("trial", right=True), Col("state"), Col("value", right=True), Col("run")]
    columns += [Col("time", rank=1, right=True), Col("parameters", rank=1), Col("note", rank=2)]
    print_table(
        columns,
        [
            (
                str(trial.number),
                trial.state.value,
                _value(trial),
                trial.run,
                span(((trial.ended_us or trial.seen_us) - trial.started_us) / 1e6),
                " ".join(f"{name}={text_of(value)}" for name, value in trial.params.items()),
                trial.note,
            )
            for trial in trials
        ],
    )
