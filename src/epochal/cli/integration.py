"""``epochal integration``: which libraries Epochal knows, and pip for those that are missing.

Nothing needs to be set up for an integration but its library. ``install`` shows the command that
it is going to run and asks first; packages that are there already are left as they are.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shlex
import subprocess
import sys
from typing import Annotated, Final

import typer

from epochal.cli.asking import DryRun, Yes, ask
from epochal.cli.options import Json
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.errors import EpochalError, InvalidInput

PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    "accelerate": ("accelerate",),
    "arrow": ("pyarrow",),
    "ignite": ("pytorch-ignite",),
    "keras": ("keras",),
    "lightning": ("lightning",),
    "mlflow": ("mlflow-skinny",),
    "optuna": ("optuna",),
    "pandas": ("pandas",),
    "polars": ("polars",),
    "pytorch": ("torch", "torchvision"),
    "ray": ("ray",),
    "sklearn": ("scikit-learn",),
    "slurm": ("setuptools<81", "submitit"),
    "tensorboard": ("tensorboard",),
    "transformers": ("transformers",),
    "wandb": ("wandb",),
}
"""What each integration needs from PyPI."""
INSTEAD: Final = {"mlflow-skinny": "mlflow"}
"""Packages that stand for another one."""

app = typer.Typer(rich_markup_mode=None)


@app.command("list")
def list_integrations(json: Json = False) -> None:
    """List the integrations and what is installed of each."""
    found = {name: {each: version_of(each) for each in PACKAGES[name]} for name in PACKAGES}
    if json:
        print_json(found)
        return
    rows = [
        [name, ", ".join(f"{each} {version or '-'}" for each, version in packages.items())]
        for name, packages in found.items()
    ]
    print_table([Col("integration"), Col("packages", rank=1)], rows)


@app.command()
def install(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Integrations.")],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Install the packages of integrations with this Python's pip, after asking."""
    missing = missing_packages(names)
    if not missing:
        note("all packages are installed")
        return
    command = [sys.executable, "-P", "-m", "pip", "install", *missing]
    print_line(shlex.join(command))
    if dry_run:
        return
    if importlib.util.find_spec("pip") is None:
        raise EpochalError("this Python has no pip; install the packages named above yourself")
    if not yes:
        ask("Run this?")
    code = subprocess.run(command, check=False).returncode
    if code != 0:
        raise EpochalError(f"pip ended with exit code {code}; its own messages say why")
    note(f"installed {', '.join(missing)}")


def missing_packages(names: list[str]) -> list[str]:
    """The packages of integrations that are not installed.

    Raises:
        InvalidInput: there is no such integration.
    """
    unknown = [name for name in names if name not in PACKAGES]
    if unknown:
        raise InvalidInput(
            f"there is no integration {unknown[0]!r}; there are {', '.join(PACKAGES)}"
        )
    wanted = dict.fromkeys(package for name in names for package in PACKAGES[name])
    return [package for package in wanted if version_of(package) is None]


def version_of(package: str) -> str | None:
    """The installed version of a package; None when it is not installed."""
    name = package.partition("<")[0]
    for each in (INSTEAD.get(name), name):
        try:
            if each is not None:
                return importlib.metadata.version(each)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None
