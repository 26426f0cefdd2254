"""A chain of steps that do nothing, with each pipeline tool: ``python bench/chains.py PEER``.

Run by `bench.pipelines` with the interpreter of the peer's environment; needs nothing but that.
Prints one line of JSON: CPU and wall seconds of chains of two lengths, fresh and then cached, of
this process and all that it started and that still lives.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time

TICKS = os.sysconf("SC_CLK_TCK")


def tree_cpu():
    """CPU seconds of this process and its descendants, ended ones included once waited for."""
    parents, spent = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry)] = int(fields[1])
            spent[int(entry)] = sum(int(each) for each in fields[11:15]) / TICKS
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(spent.get(pid, 0.0) for pid in ours)


def settled():
    """`tree_cpu` once nothing works on: some tools write their records after the end."""
    before = tree_cpu()
    while True:
        time.sleep(0.5)
        now = tree_cpu()
        if now - before < 0.02:
            return now
        before = now


def scratch():
    return tempfile.mkdtemp(prefix="chain-")


def epochal():
    os.environ.update(EPOCHAL_HOME=scratch(), EPOCHAL_SILENT="1")
    from epochal.pipelines import pipeline, step

    @step
    def first(n: int) -> int:
        return n

    @step
    def following(x: int, place: int) -> int:
        return x + 1

    @pipeline
    def chain(length: int) -> None:
        x = first(length)
        for place in range(length - 1):
            x = following(x, place)

    return chain


def joblib():
    """Keeps values and nothing else: no order of steps, no logs, no lineage."""
    from joblib import Memory

    memory = Memory(scratch(), verbose=0)

    @memory.cache
    def following(x, place, length):
        return x + 1

    def chain(length):
        x = length
        for place in range(length):
            x = following(x, place, length)

    return chain


def zenml():
    os.environ.update(
        ZENML_CONFIG_PATH=scratch(),
        ZENML_LOCAL_STORES_PATH=scratch(),
        ZENML_ANALYTICS_OPT_IN="false",
        ZENML_LOGGING_VERBOSITY="ERROR",
        ZENML_ENABLE_RICH_TRACEBACK="false",
    )
    os.chdir(scratch())
    from zenml import pipeline, step

    global first, following  # ZenML finds a step by its name in its module

    @step
    def first(n: int) -> int:
        return n

    @step
    def following(x: int, place: int) -> int:
        return x + 1

    def chain(length):
        @pipeline(name=f"chain_{length}", enable_cache=True)
        def flow():
            x = first(n=length)
            for place in range(length - 1):
                x = following(x=x, place=place)

        flow()

    return chain


def prefect():
    os.environ.update(
        PREFECT_HOME=scratch(),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
        PREFECT_LOGGING_LEVEL="ERROR",
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="true",
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="180",
    )
    from prefect import flow, task
    from prefect.cache_policies import INPUTS, TASK_SOURCE

    @task(cache_policy=INPUTS + TASK_SOURCE, persist_result=True)
    def following(x, place, length):
        return x + 1

    @flow
    def chain(length: int):
        x = length
        for place in range(length):
            x = following(x, place, length)

    return chain


def dagster():
    """In one process; has no cache by content."""
    home = scratch()
    os.environ.update(DAGSTER_HOME=home, DAGSTER_DISABLE_TELEMETRY="yes")
    import logging

    from dagster import DagsterInstance, job, op

    logging.disable(logging.CRITICAL)

    @op
    def first() -> int:
        return 1

    @op
    def following(x: int) -> int:
        return x + 1

    def chain(length):
        @job(name=f"chain_{length}")
        def flow():
            x = first()
            for place in range(length - 1):
                x = following.alias(f"following_{place}")(x)

        flow.execute_in_process(instance=DagsterInstance.local_temp(home))

    return chain


PEERS = {
    "epochal": (epochal, 20, 1000),
    "joblib": (joblib, 20, 1000),
    "zenml": (zenml, 4, 24),
    "prefect": (prefect, 10, 110),
    "dagster": (dagster, 10, 60),
}
"""How to make a chain, and two lengths: the fixed part of a run is told apart by both."""


def main(peer):
    make, short, long = PEERS[peer]
    chain = make()
    chain(2)
    found = {"lengths": [short, long], "fresh": [], "cached": []}
    for length in (short, long):
        for kind in ("fresh", "cached"):
            before, begun = settled(), time.monotonic()
            chain(length)
            took = time.monotonic() - begun
            found[kind].append([settled() - before, took])
    sys.stdout.write(f"\n{json.dumps(found)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
