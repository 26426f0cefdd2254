"""Where and how a program runs: command, Python, machine, GPUs, versions, a few variables.

Promise: nothing here raises, and a part that cannot be read is left at its default. Secrets in the
command line are replaced; environment variables are taken from a list of known ones, and no other.
No library is imported to ask for its version. Both functions take long enough (NVML, hundreds of
packages) to belong into a background thread.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from epochal.client.capture.git import find_root
from epochal.client.capture.gpu import GpuInfo, open_gpus
from epochal.client.capture.redact import redact_argv, redact_mapping
from epochal.client.notebook import in_notebook

_T = TypeVar("_T")
_GB: Final = 2**30
_MAX_VALUE: Final = 1_000
_LIBRARIES: Final = (
    "torch",
    "lightning",
    "pytorch_lightning",
    "transformers",
    "accelerate",
    "numpy",
    "jax",
    "tensorflow",
)
_VARIABLES: Final = frozenset(
    {
        "CONDA_DEFAULT_ENV",
        "CUBLAS_WORKSPACE_CONFIG",
        "CUDA_DEVICE_ORDER",
        "CUDA_LAUNCH_BLOCKING",
        "CUDA_VISIBLE_DEVICES",
        "GROUP_RANK",
        "HIP_VISIBLE_DEVICES",
        "LOCAL_RANK",
        "LOCAL_WORLD_SIZE",
        "MASTER_ADDR",
        "MASTER_PORT",
        "MKL_NUM_THREADS",
        "NODE_RANK",
        "NVIDIA_VISIBLE_DEVICES",
        "OMP_NUM_THREADS",
        "PYTHONHASHSEED",
        "PYTORCH_ALLOC_CONF",
        "PYTORCH_CUDA_ALLOC_CONF",
        "RANK",
        "ROCR_VISIBLE_DEVICES",
        "ROLE_RANK",
        "TORCHELASTIC_RESTART_COUNT",
        "TORCHELASTIC_RUN_ID",
        "VIRTUAL_ENV",
        "WORLD_SIZE",
    }
)
_VARIABLE_PREFIXES: Final = ("SLURM_", "NCCL_")


class Environment(msgspec.Struct, frozen=True):
    """One process and its machine.

    Attributes:
        command: the words that started the interpreter, without secrets.
        program: the main script, relative to the git root or else to the working directory; the
            module's name for ``python -m``; "" for an interactive session.
        working_directory: absolute path at the time of reading.
        python: version of the interpreter, such as ``3.11.7``.
        executable: path of the interpreter.
        platform: kernel, release and machine, such as ``Linux 6.1.0 x86_64``.
        host: name of the machine.
        user: name of the user, or the number where it has no name.
        pid: process id.
        cpu_count: logical processors of the machine.
        cpu_available: logical processors that this process may use.
        cpu_model: name of the processor.
        memory_total_gb: main memory in GB of 2^30 bytes.
        gpus: all GPUs of the machine, in NVML's order.
        driver: version of the NVIDIA driver.
        cuda_driver: newest CUDA version that the driver supports.
        versions: library to version; ``torch.cuda`` is the CUDA version torch was built for.
        variables: known environment variables that are set.
        notebook: name of the notebook, "" outside of one.
    """

    command: tuple[str, ...] = ()
    program: str = ""
    working_directory: str = ""
    python: str = ""
    executable: str = ""
    platform: str = ""
    host: str = ""
    user: str = ""
    pid: int = 0
    cpu_count: int = 0
    cpu_available: int = 0
    cpu_model: str = ""
    memory_total_gb: float = 0.0
    gpus: tuple[GpuInfo, ...] = ()
    driver: str = ""
    cuda_driver: str = ""
    versions: dict[str, str] = {}
    variables: dict[str, str] = {}
    notebook: str = ""


def read_environment() -> Environment:
    """Describe this process and its machine; up to 0.1 s on a machine with GPUs."""
    no_gpus: tuple[tuple[GpuInfo, ...], str, str] = ((), "", "")
    gpus, driver, cuda_driver = _try(_gpus, no_gpus)
    return Environment(
        command=_try(lambda: tuple(redact_argv(sys.orig_argv)), ()),
        program=_try(_program, ""),
        working_directory=_try(os.getcwd, ""),
        python=sys.version.split()[0],
        executable=sys.executable or "",
        platform=_try(_platform, ""),
        host=_try(lambda: os.uname().nodename, ""),
        user=_try(_user, ""),
        pid=os.getpid(),
        cpu_count=os.cpu_count() or 0,
        cpu_available=_try(lambda: len(os.sched_getaffinity(0)), 0),
        cpu_model=_try(_cpu_model, ""),
        memory_total_gb=_try(_memory_total, 0.0),
        gpus=gpus,
        driver=driver,
        cuda_driver=cuda_driver,
        versions=_try(_versions, {}),
        variables=_try(_variables, {}),
        notebook=_try(_notebook, ""),
    )


def installed_packages() -> dict[str, str]:
    """All installed distributions, name to version, sorted by name.

    It reads a few hundred small files: 20 to 200 ms. An unreadable one is left out.
    """
    metadata = importlib.import_module("importlib.metadata")
    found: dict[str, str] = {}
    distributions: list[Any] = _try(lambda: list(metadata.distributions()), [])
    for distribution in distributions:
        name, version = _try(partial(_name_and_version, distribution), ("", ""))
        if name and version:
            found.setdefault(name, version)  # the first on the path is the one in use
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _name_and_version(distribution: Any) -> tuple[str, str]:
    metadata = distribution.metadata
    return str(metadata.get("Name") or ""), str(metadata.get("Version") or "")


def _try(read: Callable[[], _T], default: _T) -> _T:
    """The one place that swallows: a broken part of a machine must not hide the others."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - see above
        return default


def _program() -> str:
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return str(spec.name).removesuffix(".__main__")
    path = getattr(main, "__file__", None)
    if not path or _notebook():
        return ""
    path = os.path.realpath(str(path))
    for base in (find_root(os.path.dirname(path)), os.path.realpath(os.getcwd())):
        if base and path.startswith(base.rstrip("/") + "/"):
            return os.path.relpath(path, base)
    return path


def _platform() -> str:
    system = os.uname()
    return f"{system.sysname} {system.release} {system.machine}"


def _user() -> str:
    named = os.environ.get("LOGNAME") or os.environ.get("USER")
    if named:
        return named
    number = os.getuid()
    known = importlib.import_module("pwd")
    return _try(lambda: str(known.getpwuid(number).pw_name), str(number))


def _cpu_model() -> str:
    """``model name`` of x86, ``Model`` of some ARM boards."""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key.strip().lower() in {"model name", "model"} and not value.strip().isdecimal():
                return value.strip()
    return ""


def _memory_total() -> float:
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GB, 2)


def _gpus() -> tuple[tuple[GpuInfo, ...], str, str]:
    gpus = open_gpus()
    if gpus is None:
        return (), "", ""
    try:
        return tuple(gpus.describe()), gpus.driver_version(), gpus.cuda_version()
    finally:
        gpus.close()


def _versions() -> dict[str, str]:
    """Of modules that are loaded; of torch and Lightning also when only installed."""
    found: dict[str, str] = {}
    for name in _LIBRARIES:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version is None and name in {"torch", "lightning"}:
            version = _installed_version(name)
        if version is not None:
            found[name] = str(version)
    built_for = getattr(getattr(sys.modules.get("torch"), "version", None), "cuda", None)
    if built_for:
        found["torch.cuda"] = str(built_for)
    return found


def _installed_version(name: str) -> str | None:
    metadata = importlib.import_module("importlib.metadata")
    return _try(lambda: str(metadata.version(name)), None)


def _variables() -> dict[str, str]:
    chosen = {
        name: value[:_MAX_VALUE]
        for name, value in os.environ.items()
        if name in _VARIABLES or name.startswith(_VARIABLE_PREFIXES)
    }
    return {
        name: str(value) for name, value in redact_mapping(dict(sorted(chosen.items()))).items()
    }


def _notebook() -> str:
    """Jupyter names the session's file in a variable, VS Code in the main module."""
    if not in_notebook():
        return ""
    path = os.environ.get("JPY_SESSION_NAME") or getattr(
        sys.modules["__main__"], "__vsc_ipynb_file__", ""
    )
    return os.path.basename(str(path)) or "notebook"
