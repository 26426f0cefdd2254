"""What holds for the project as a whole: its public face, its weight, its files, its wheel."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import epochal
import hatch_build

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "src" / "epochal" / "server" / "static"
MAX_PUBLIC_NAMES = 48


def tracked_files() -> list[Path]:
    """The files of the repository, as git knows them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def run_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return result.stdout


# -------------------------------------------------------------------------------- the public face
def test_every_public_name_is_there_and_documented() -> None:
    """`__all__` is the public face: sorted, small, and each name leads to something."""
    names = list(epochal.__all__)
    assert names == sorted(names)
    assert len(set(names)) == len(names) <= MAX_PUBLIC_NAMES
    for name in names:
        value = getattr(epochal, name)
        if callable(value):
            assert value.__doc__, f"epochal.{name} has no docstring"


def test_dir_shows_the_public_names_and_no_other() -> None:
    """Completion in a notebook offers what is public, loaded or not."""
    assert dir(epochal) == sorted(epochal.__all__)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="define_metric"):
        _ = epochal.no_such_name


def test_the_version_is_said_once() -> None:
    """The package, its metadata and the command agree."""
    from importlib.metadata import version

    assert epochal.__version__ == version("epochal")


def test_importing_epochal_loads_msgspec_and_the_standard_library_only() -> None:
    """No torch, numpy, database or web package rides along; msgspec may bring what it wants."""
    code = (
        "import sys, json; import msgspec; before = set(sys.modules); import epochal;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    loaded = {name.split(".")[0] for name in json.loads(run_python(code))}
    assert loaded - set(sys.stdlib_module_names) <= {"epochal", "msgspec"}


# -------------------------------------------------------------------------------------- its files
def test_no_file_holds_unfinished_work() -> None:
    """What is not done is an issue, not a comment."""
    marks = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked_files()
        if not path.is_relative_to(STATIC) and (text := text_of(path)) is not None
        if (match := marks.search(text))
    ]
    assert found == []


def test_no_file_names_a_path_or_host_of_one_machine() -> None:
    """The repository works anywhere: no developer's folder and no private registry is in it."""
    folders = ["/" + name + "/" for name in ("work", "root")]
    places = re.compile("|".join(rf"(?<![\w.~/-]){re.escape(folder)}\w" for folder in folders))
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked_files()
        if not path.is_relative_to(STATIC) and (text := text_of(path)) is not None
        if (match := places.search(text))
    ]
    assert found == []


def test_the_lock_file_names_no_registry_but_the_public_one() -> None:
    """`npm ci` asks the registry that the user has configured."""
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    resolved = [p["resolved"] for p in lock["packages"].values() if "resolved" in p]
    assert [url for url in resolved if not url.startswith("https://registry.npmjs.org/")] == []


def test_there_are_two_commands_and_the_readme_names_both() -> None:
    """`make demo` and `make test`, and nothing else to learn."""
    makefile = (ROOT / "Makefile").read_text()
    readme = (ROOT / "README.md").read_text()
    targets = re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE)
    assert targets == ["demo", "test"]
    assert set(re.findall(r"^make ([a-z]+)$", readme, re.MULTILINE)) == {"demo", "test"}


def test_ci_runs_what_make_test_runs() -> None:
    """There is one list of checks."""
    assert re.search(r"^make test", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)


def test_the_changelog_has_an_entry_for_this_version() -> None:
    assert f"## [{epochal.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


# ------------------------------------------------------------------------------------ the package
def test_the_committed_page_belongs_to_its_sources() -> None:
    """An installation without Node gets the page that `web/` describes."""
    assert hatch_build.committed_digest(STATIC) == hatch_build.sources_digest(ROOT / "web")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tracked files, in which a build may write."""
    copy = tmp_path_factory.mktemp("checkout")
    for path in tracked_files():
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel that a machine without Node builds from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    built = build_wheel(checkout, folder)
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def build_wheel(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build with nothing on the PATH, as on a machine without Node."""
    environment = {**os.environ, "PATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_the_wheel_holds_the_page_the_migrations_and_the_types(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    page = {f"epochal/server/static/{p.relative_to(STATIC)}" for p in STATIC.rglob("*.*")}
    assert "epochal/server/static/index.html" in page
    assert page <= names
    assert "epochal/py.typed" in names
    assert "epochal/demo/train.py" in names
    versions = ROOT / "src" / "epochal" / "store" / "migrations" / "versions"
    expected = {f"epochal/store/migrations/versions/{p.name}" for p in versions.glob("*.py")}
    assert expected
    assert expected <= names


def test_the_wheel_holds_the_license_and_nothing_but_the_package(wheel: zipfile.ZipFile) -> None:
    folders = {name.split("/")[0] for name in wheel.namelist()}
    version = epochal.__version__
    assert folders == {"epochal", f"epochal-{version}.dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_a_stale_page_without_node_is_a_warning_and_not_a_failure(
    checkout: Path, tmp_path: Path
) -> None:
    """An installation never fails because of the page."""
    stale = tmp_path / "stale"
    shutil.copytree(checkout, stale)
    index = stale / "web" / "index.html"
    index.write_text(index.read_text() + "<!-- newer -->\n")
    built = build_wheel(stale, tmp_path / "out")
    assert built.returncode == 0, built.stderr
    assert "npm is not installed" in built.stdout + built.stderr
    with zipfile.ZipFile(next((tmp_path / "out").glob("*.whl"))) as archive:
        assert "epochal/server/static/index.html" in archive.namelist()


def test_the_base_dependencies_need_no_training_library() -> None:
    """`pip install epochal` never brings PyTorch: it would replace the user's own build."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[\s<>=!~;\[]", entry)[0] for entry in project["dependencies"]}
    assert not named & {"torch", "tensorflow", "jax", "pandas", "scikit-learn"}
