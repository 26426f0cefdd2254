"""Keeps the committed page in step with its sources when a wheel is built.

Promises: an installation never fails because of the page. When the sources in ``web/`` differ from
those that the committed bundle was built from and npm is at hand, the bundle is rebuilt; otherwise
the committed one ships and a line says so.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The two lists and the form of the digest are those of web/scripts/sources.mjs.
FOLDERS = ("scripts", "src")
FILES = (
    "index.html",
    "package-lock.json",
    "package.json",
    "svelte.config.js",
    "tsconfig.json",
    "vite.config.ts",
)
BUILD_LIMIT_SECONDS = 600


def sources_digest(web: Path) -> str:
    """The sha256 over "path NUL sha256 LF" of each source file of the page, in path order."""
    found = [path for folder in FOLDERS for path in (web / folder).rglob("*") if path.is_file()]
    names = [*(path.relative_to(web).as_posix() for path in found), *FILES]
    digest = hashlib.sha256()
    for name in sorted(names):
        of_file = hashlib.sha256((web / name).read_bytes()).hexdigest()
        digest.update(f"{name}\0{of_file}\n".encode())
    return digest.hexdigest()


def committed_digest(static: Path) -> str | None:
    """The digest that the committed bundle names; None when there is no readable bundle."""
    try:
        named = json.loads((static / "BUILD.json").read_text(encoding="utf-8"))
        return str(named["sources"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def rebuild(web: Path) -> str | None:
    """Build the page. Returns why it could not be done, or None."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    installed = (web / "node_modules").is_dir()
    commands = [["run", "build"]] if installed else [["ci", "--no-audit"], ["run", "build"]]
    for arguments in commands:
        try:
            subprocess.run([npm, *arguments], cwd=web, check=True, timeout=BUILD_LIMIT_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            return f"npm {arguments[0]} failed: {error}"
    return None


class CustomBuildHook(BuildHookInterface[Any]):
    """Rebuild the page when it is behind its sources; never stand in the way of an install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before files are gathered."""
        del build_data
        if version == "editable":
            return  # who works on the page builds it by hand
        web = Path(self.root, "web")
        static = Path(self.root, "src", "epochal", "server", "static")
        if not (web / "package.json").is_file():
            return  # a source distribution without the front end: the bundle in it is the page
        try:
            if committed_digest(static) == sources_digest(web):
                return
            problem = rebuild(web)
        except OSError as error:
            problem = str(error)
        if problem is not None:
            self.app.display_warning(
                f"The page in {static} is older than its sources in web/ and ships as committed: "
                f"{problem}. Install Node 20 and run `npm ci && npm run build` in web/."
            )
