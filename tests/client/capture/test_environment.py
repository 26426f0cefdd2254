"""The environment is read as it is, without secrets, and a broken part hides no other."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import msgspec
import pytest

from epochal.client.capture.environment import (
    Environment,
    installed_packages,
    read_environment,
)

PROGRAM = """
import msgspec
from epochal.client.capture.environment import read_environment
print(msgspec.json.encode(read_environment()).decode())
"""


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=True, **options)
    return json.loads(done.stdout)


def test_the_machine_and_the_interpreter_are_described():
    """Compared with what the standard library says."""
    read = read_environment()
    assert read.python == platform.python_version()
    assert read.executable == sys.executable
    assert read.host == platform.node()
    assert read.pid == os.getpid()
    assert read.cpu_count == os.cpu_count()
    assert 1 <= read.cpu_available <= read.cpu_count
    assert read.working_directory == os.getcwd()
    assert read.platform.startswith(f"{platform.system()} {platform.release()}")
    assert read.memory_total_gb > 0.1
    assert read.user
    assert msgspec.json.decode(msgspec.json.encode(read), type=Environment) == read


def test_the_command_is_shown_without_its_secrets(tmp_path):
    """LEAK-01."""
    script = tmp_path / "train.py"
    script.write_text(PROGRAM)
    read = run([sys.executable, str(script), "--lr", "0.1", "--api-key", "hunter2", "-v"])
    assert read["command"][1:] == [str(script), "--lr", "0.1", "--api-key", "[redacted]", "-v"]


def test_the_program_is_relative_to_the_repository_or_the_directory(tmp_path):
    """And a module's name for ``-m``; nothing for ``-c``."""
    place = tmp_path / "repo" / "pkg"
    place.mkdir(parents=True)
    (place / "train.py").write_text(PROGRAM)
    command = [sys.executable, str(place / "train.py")]
    assert run(command, cwd=tmp_path)["program"] == "repo/pkg/train.py"
    assert run(command, cwd="/")["program"] == str(place / "train.py").lstrip("/")
    (tmp_path / "repo" / ".git").mkdir()
    assert run(command, cwd="/")["program"] == "pkg/train.py"
    assert run([sys.executable, "-m", "pkg.train"], cwd=place.parent)["program"] == "pkg.train"
    assert run([sys.executable, "-c", PROGRAM])["program"] == ""


def test_only_known_variables_are_read(tmp_path):
    """A secret of the job scheduler among them is replaced."""
    environment = {
        "PATH": os.environ["PATH"],
        "CUDA_VISIBLE_DEVICES": "0,1",
        "RANK": "3",
        "WORLD_SIZE": "8",
        "SLURM_JOB_ID": "77",
        "SLURM_JWT": "abcdef",
        "NCCL_DEBUG": "INFO",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "MY_SETTING": "private",
    }
    read = run([sys.executable, "-c", PROGRAM], env=environment, cwd=tmp_path)
    assert read["variables"] == {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "NCCL_DEBUG": "INFO",
        "RANK": "3",
        "SLURM_JOB_ID": "77",
        "SLURM_JWT": "[redacted]",
        "WORLD_SIZE": "8",
    }


def test_a_bare_container_leaves_defaults(tmp_path):
    """F46: no home, no user name, a working directory that was removed."""
    gone = tmp_path / "gone"
    gone.mkdir()
    code = f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r})\n" + PROGRAM
    if os.getuid() == 0:
        code = (
            f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r}); import epochal.client"
        )
        code += ".capture.environment, msgspec.json; os.setuid(54321)\n" + PROGRAM
    read = run([sys.executable, "-c", code], env={"PATH": os.environ["PATH"]})
    assert read["working_directory"] == ""
    assert read["user"] == ("54321" if os.getuid() == 0 else read["user"])
    assert read["python"] == platform.python_version()


def test_versions_come_from_loaded_modules_without_loading_any():
    """Torch is not imported to learn its version."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed here")
    code = PROGRAM + "import sys; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    read = run([sys.executable, "-c", code])
    assert read["versions"].get("torch") == importlib.metadata.version("torch")
    assert "numpy" not in read["versions"]


def test_a_module_with_an_odd_version_hides_no_other_part(monkeypatch):
    """A part that raises is left at its default."""

    class Odd:
        @property
        def __version__(self):
            raise RuntimeError("odd")

    monkeypatch.setitem(sys.modules, "jax", Odd())
    read = read_environment()
    assert read.versions == {}
    assert read.python


def test_a_notebook_is_named(monkeypatch):
    """Jupyter tells the path of the session."""
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ada/first try.ipynb")
    read = read_environment()
    assert read.notebook == "first try.ipynb"
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    shell.kernel = None  # a terminal of IPython, in which something else runs kernels
    assert read_environment().notebook == ""


def test_installed_packages_are_listed_sorted():
    """Each with the version that the metadata give."""
    packages = installed_packages()
    assert packages["pytest"] == importlib.metadata.version("pytest")
    assert list(packages) == sorted(packages, key=str.lower)
    assert len(packages) > 10


def test_a_broken_distribution_is_left_out(tmp_path, monkeypatch):
    """An empty METADATA file, as an interrupted installation leaves it."""
    for name in ("broken-1.0", "nameless-1.0", "fine-2.0"):
        (tmp_path / f"{name}.dist-info").mkdir()
    (tmp_path / "broken-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "fine-2.0.dist-info" / "METADATA").write_text("Name: fine\nVersion: 2.0\n")
    (tmp_path / "nameless-1.0.dist-info" / "METADATA").write_text("Version: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    packages = installed_packages()
    assert packages["fine"] == "2.0"
    assert "broken" not in packages
    assert "None" not in packages
