"""Quality of the search beside plain Optuna and wandb's own `sweeps`, and the cost of a question.

Every searcher minimizes six standard test functions; what counts is the best value after so many
trials, as the median over seeds. Epochal asks through its service and store, as a server does.
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def branin(x):
    a, b = x
    curve = b - 5.1 / (4 * math.pi**2) * a**2 + 5 / math.pi * a - 6
    return curve**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10


def rosenbrock(x):
    return sum(100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in itertools.pairwise(x))


def ackley(x):
    squares = sum(v * v for v in x) / len(x)
    waves = sum(math.cos(2 * math.pi * v) for v in x) / len(x)
    return 20 + math.e - 20 * math.exp(-0.2 * math.sqrt(squares)) - math.exp(waves)


def rastrigin(x):
    return sum(10 + v * v - 10 * math.cos(2 * math.pi * v) for v in x)


def styblinski(x):
    return sum(v**4 - 16 * v * v + 5 * v for v in x) / 2 / len(x) + 39.16617


def hartmann(x):
    alpha = (1.0, 1.2, 3.0, 3.2)
    a = (
        (10, 3, 17, 3.5, 1.7, 8),
        (0.05, 10, 17, 0.1, 8, 14),
        (3, 3.5, 1.7, 10, 17, 8),
        (17, 8, 0.05, 10, 0.1, 14),
    )
    p = (
        (0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886),
        (0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991),
        (0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650),
        (0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381),
    )
    return 3.32237 - sum(
        weight * math.exp(-sum(w * (v - c) ** 2 for w, v, c in zip(ws, x, cs, strict=True)))
        for weight, ws, cs in zip(alpha, a, p, strict=True)
    )


FUNCTIONS = {
    "Branin, 2": (branin, [(-5.0, 10.0), (0.0, 15.0)]),
    "Rosenbrock, 4": (rosenbrock, [(-2.0, 2.0)] * 4),
    "Ackley, 5": (ackley, [(-10.0, 20.0)] * 5),
    "Rastrigin, 4": (rastrigin, [(-4.0, 5.12)] * 4),
    "Styblinski-Tang, 5": (styblinski, [(-5.0, 5.0)] * 5),
    "Hartmann, 6": (hartmann, [(0.0, 1.0)] * 6),
}
SEARCHERS = (
    "epochal",
    "epochal, tpe",
    "optuna, tpe",
    "epochal, gp",
    "optuna, gp",
    "wandb sweeps",
    "epochal, random",
)
SLOW = ("epochal, gp", "optuna, gp", "wandb sweeps")
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "sweeps-search.png"
LINES = {
    "epochal": ("#5b60ef", "Epochal, bayes"),
    "optuna, tpe": ("#cc7c86", "Optuna, TPE"),
    "wandb sweeps": ("#9a9709", "wandb's sweeps, bayes"),
    "epochal, random": ("#8a94a0", "random"),
}


def config(bounds, method, seed):
    parameters = {f"x{n}": {"min": low, "max": high} for n, (low, high) in enumerate(bounds)}
    return {"method": method, "metric": {"name": "y"}, "parameters": parameters, "seed": seed}


def point(given, bounds):
    return [given[f"x{n}"] for n in range(len(bounds))]


def ours(function, bounds, trials, seed, method="bayes", sampler=None):
    from epochal.domain.access import LOCAL_USER
    from epochal.domain.sweep import NewAgent, NewSweep, TrialReport
    from epochal.service import agents, sweeps
    from epochal.store.owner import open_store

    values = []
    with tempfile.TemporaryDirectory() as place, open_store(Path(place)) as store:
        asked = config(bounds, method, seed) | ({"sampler": sampler} if sampler else {})
        made = sweeps.create_sweep(store, LOCAL_USER, NewSweep(asked))
        agent = agents.add_agent(store, LOCAL_USER, NewAgent(made.id)).id
        for _ in range(trials):
            given = agents.next_trial(store, LOCAL_USER, agent)
            values.append(function(point(given.config, bounds)))
            report = TrialReport(given.trial.number, 1, "finished", values[-1])
            agents.report(store, LOCAL_USER, agent, report)
    return values


def optunas(function, bounds, trials, seed, sampler):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}[sampler]
    study = optuna.create_study(sampler=made(seed=seed))

    def objective(trial):
        return function([trial.suggest_float(f"x{n}", *bound) for n, bound in enumerate(bounds)])

    study.optimize(objective, n_trials=trials)
    return [trial.value for trial in study.trials]


def wandbs(name, trials, seed):
    """wandb's package in an environment of its own."""
    from bench import environments

    python = environments.python_of("sweeps")
    command = [python, "-P", __file__, name, str(trials), str(seed)]  # -P: this file is no package
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def in_wandbs_environment(name, trials, seed):
    import warnings

    warnings.simplefilter("ignore")
    import numpy
    import sweeps

    numpy.random.seed(seed)  # noqa: NPY002 - the one that it draws from
    function, bounds = FUNCTIONS[name]
    asked = {**config(bounds, "bayes", seed), "metric": {"name": "y", "goal": "minimize"}}
    del asked["seed"]
    runs, values = [], []
    for number in range(trials):
        run = sweeps.next_run(asked, runs)
        given = {key: entry["value"] for key, entry in run.config.items()}
        values.append(function(point(given, bounds)))
        run.name = str(number)
        run.summary_metrics = {"y": values[-1]}
        run.state = sweeps.RunState.finished
        runs.append(run)
    return values


def search(searcher, name, trials, seed):
    function, bounds = FUNCTIONS[name]
    whose, _, sampler = searcher.partition(", ")
    if whose == "optuna":
        return optunas(function, bounds, trials, seed, sampler)
    if searcher == "wandb sweeps":
        return wandbs(name, trials, seed)
    if searcher == "epochal, random":
        return ours(function, bounds, trials, seed, "random")
    return ours(function, bounds, trials, seed, sampler=sampler or None)


def quality(trials, seeds, searchers):
    """All values of all searches, by function, searcher and seed."""
    found = {}
    for name in FUNCTIONS:
        found[name] = {}
        for searcher in searchers:
            began = time.process_time()
            found[name][searcher] = [search(searcher, name, trials, seed) for seed in range(seeds)]
            best = statistics.median(min(values) for values in found[name][searcher])
            spent = time.process_time() - began
            print(f"{name}: {searcher} {best:.4g} ({spent:.0f} s)", file=sys.stderr)
    return found


def told(found):
    """Of each searcher the best so far after each trial, as quartiles over the seeds."""
    return {
        name: {searcher: quartiles(seeds) for searcher, seeds in searchers.items()}
        for name, searchers in found.items()
    }


def quartiles(seeds):
    curves = [list(itertools.accumulate(values, min)) for values in seeds]
    return [statistics.quantiles(column, n=4) for column in zip(*curves, strict=True)]


def draw(found, path=PICTURE):
    """The search's course on each function: medians as lines, quartiles as bands."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    mpl.rcParams.update({"font.size": 9})
    figure, axes = pyplot.subplots(2, 3, figsize=(10, 5.6), layout="constrained")
    for ax, (name, searchers) in zip(axes.flat, told(found).items(), strict=True):
        for searcher, (color, label) in LINES.items():
            if searcher not in searchers:
                continue
            low, middle, high = zip(*searchers[searcher], strict=True)
            steps = range(1, len(middle) + 1)
            ax.plot(steps, middle, color=color, lw=1.6, label=label)
            ax.fill_between(steps, low, high, color=color, alpha=0.15, lw=0)
        ax.set_title(name)
        ax.set_yscale("log")
        ax.set_xlim(1, 100)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes[1]:
        ax.set_xlabel("trials")
    for ax in axes[:, 0]:
        ax.set_ylabel("best value so far")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(path, dpi=110, facecolor="white")


def asking(finished, count, stretches=1):
    """CPU of one question to the default with so many finished trials of six parameters.

    The p99 is the least of those of some stretches of ``count`` questions, one after the other.
    """
    from epochal.domain.access import LOCAL_USER
    from epochal.domain.sweep import NewAgent, NewSweep, Queue, TrialReport
    from epochal.service import agents, sweeps
    from epochal.store.owner import open_store

    _, bounds = FUNCTIONS["Hartmann, 6"]
    asks, reports = [], []
    with tempfile.TemporaryDirectory() as place, open_store(Path(place)) as store:
        made = sweeps.create_sweep(store, LOCAL_USER, NewSweep(config(bounds, "bayes", 0)))
        sweeps.enqueue(store, LOCAL_USER, made.id, Queue([{}] * finished))
        agent = agents.add_agent(store, LOCAL_USER, NewAgent(made.id)).id
        for number in range(finished + count * stretches):
            start = time.process_time()
            given = agents.next_trial(store, LOCAL_USER, agent)
            asked = time.process_time()
            value = hartmann(point(given.config, bounds))
            agents.report(store, LOCAL_USER, agent, TrialReport(number, 1, "finished", value))
            if number > finished:  # the first question builds the study
                asks.append(asked - start)
                reports.append(time.process_time() - asked)
    parts = [sorted(asks[start : start + count]) for start in range(0, len(asks), count)]
    return {
        "finished": finished,
        "ask_p50_ms": 1000 * statistics.median(asks),
        "ask_p99_ms": 1000 * min(part[int(0.99 * len(part))] for part in parts),
        "report_ms": 1000 * statistics.mean(reports),
    }


def plain_asking(finished, count):
    """CPU in ms of one question to Optuna's TPE itself, at as many trials: the median."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    _, bounds = FUNCTIONS["Hartmann, 6"]
    space = {
        f"x{n}": optuna.distributions.FloatDistribution(*bound) for n, bound in enumerate(bounds)
    }
    study, spent = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)), []
    for number in range(finished + count):
        if number == finished:
            study.sampler = optuna.samplers.TPESampler(seed=0)
        start = time.process_time()
        trial = study.ask(space)
        spent.append(time.process_time() - start)
        study.tell(trial, hartmann(point(trial.params, bounds)))
    return 1000 * statistics.median(spent[finished:])


def crowd(agents_count, trials):
    """Many agents at once: how many trials were given twice, and how long it took."""
    from epochal.domain.access import LOCAL_USER
    from epochal.domain.sweep import NewAgent, NewSweep, TrialReport
    from epochal.service import agents, sweeps
    from epochal.store.owner import open_store

    given_config = {**config([(0.0, 1.0)] * 3, "bayes", 0), "run_cap": trials}
    with tempfile.TemporaryDirectory() as place, open_store(Path(place)) as store:
        made = sweeps.create_sweep(store, LOCAL_USER, NewSweep(given_config))

        def work(_):
            agent, got = agents.add_agent(store, LOCAL_USER, NewAgent(made.id)).id, []
            while (given := agents.next_trial(store, LOCAL_USER, agent)).trial is not None:
                got.append(given.trial.number)
                value = sum(given.config.values())
                report = TrialReport(got[-1], 1, "finished", value)
                agents.report(store, LOCAL_USER, agent, report)
            return got

        start = time.perf_counter()
        with ThreadPoolExecutor(agents_count) as pool:
            numbers = [number for part in pool.map(work, range(agents_count)) for number in part]
        seconds = time.perf_counter() - start
    return {
        "agents": agents_count,
        "trials": len(numbers),
        "twice": len(numbers) - len(set(numbers)),
        "trials_per_s": len(numbers) / seconds,
    }


def sweeps(quick):
    trials, seeds = (60, 3) if quick else (100, 15)
    searchers = [one for one in SEARCHERS if not (quick and one in SLOW)]
    found = quality(trials, seeds, searchers)
    if not quick:
        draw(found)
    return {
        "trials": trials,
        "seeds": seeds,
        "quality": {
            name: {one: quartiles(several)[-1][1] for one, several in searchers.items()}
            for name, searchers in found.items()
        },
        "asking": asking(1_000, 200),
        "crowd": crowd(64, 256 if quick else 1_024),
    }


if __name__ == "__main__":
    print(json.dumps(in_wandbs_environment(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
