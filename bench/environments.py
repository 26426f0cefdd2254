"""Each peer in a virtual environment of its own, made on first use under bench/.environments."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE / ".environments"
PACKAGES = {
    "wandb": ["wandb"],
    "mlflow": ["mlflow"],
    "tensorboard": ["tensorboard", "tensorboardX"],
    "trackio": ["trackio"],
}
ASIDE = {
    "sweeps": ["sweeps"],
    "aim": ["aim"],
    "zenml": ["zenml[local]"],
    "prefect": ["prefect", "fastapi<0.116"],  # with a later one 3.8 does not start
    "dagster": ["dagster"],
    "joblib": ["joblib"],
}
"""Packages that are compared in one part only."""

OWN = ("list_append", "sqlite_rows", "epochal")
PEERS = (*OWN, *PACKAGES)


def python_of(peer: str) -> str:
    """The interpreter to run ``peer`` with; installs the peer when its environment is missing."""
    if peer in OWN:
        return sys.executable
    python = ROOT / peer / "bin" / "python"
    if not python.exists():
        venv.create(ROOT / peer, with_pip=True)
        packages = {**PACKAGES, **ASIDE}[peer]
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    return str(python)


def version_of(peer: str) -> str:
    """The installed version of a peer, for the report."""
    if peer in {"list_append", "sqlite_rows"}:
        return ""
    package = PACKAGES.get(peer, [peer])[-1]
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    command = [python_of(peer), "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
