"""Every command that reads prints the same with a server on the home and without one."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.conftest import run_cli
from tests.conftest import Server

READING = [
    ["ls"],
    ["ls", "--json"],
    ["ls", "mnist", "--columns", "config.lr,max(val/acc),last(loss)"],
    ["ls", "mnist", "--json", "--where", "config.lr < 0.05", "--order", "-config.lr"],
    ["show", "mnist/alpha"],
    ["show", "mnist/alpha", "--json"],
    ["diff", "mnist/alpha", "beta", "gamma"],
    ["diff", "mnist/alpha", "beta", "--all", "--json"],
    ["tail", "mnist/alpha"],
    ["tail", "mnist/alpha", "--json", "-n", "1"],
    ["tail", "mnist/beta", "-m", "*", "--json"],
    ["export", "mnist", "-o", "-"],
    ["export", "mnist", "-o", "-", "-f", "jsonl", "--long"],
    ["rm", "beta", "gamma", "--dry-run", "--json"],
    ["show", "nobody"],
    ["show", "alpha"],
    ["ls", "mnist", "--where", "lr <"],
]


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_server_changes_nothing_in_what_is_printed(
    arguments: list[str], shared: Path, served: Server
) -> None:
    """Output, messages and exit code; only ages and the page's address may differ."""
    with ThreadPoolExecutor() as pool:
        local, remote = pool.map(
            lambda home: run_cli(*arguments, home=home), (shared, served.home)
        )
    assert (local.returncode, _steady(local.stdout), _steady(local.stderr)) == (
        remote.returncode,
        _steady(remote.stdout),
        _steady(remote.stderr),
    )
    assert local.stdout or local.stderr


def _steady(text: str) -> str:
    """Without what depends on the moment or the address."""
    text = re.sub(r" *\d+[smhd] ago", " <ago>", text)
    text = re.sub(r"page +http://\S+\n", "", text)
    return re.sub(r'"(updated_us|offset|closed)": \S+', r'"\1": ...', text)
