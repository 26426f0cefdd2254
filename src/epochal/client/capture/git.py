"""The state of the git repository that the program was started in.

Promise: nothing in a hostile repository is run. Its hooks, file-system monitor, external diffs,
text converters, content filters, signature programs and transports are switched off, submodules
are not entered, and git may neither ask a question nor take a lock. It ends within the time limit
and never raises. Secrets in the remote and in the diff are replaced.

Not promised: changes of files that a filter of the repository itself rewrites show as such a
filter's input. Git itself refuses repositories of other users (``safe.directory``); so do we then.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from typing import Final

import msgspec

from epochal.client.capture.redact import redact_text

MAX_UNTRACKED: Final = 200
_MAX_OUTPUT: Final = 4 << 20
_READ: Final = 65_536

# Each switches off a way in which the settings of a repository runs a program (RCE-17).
_SAFE: Final = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.pager=cat",
    "core.askPass=",
    "core.sshCommand=false",
    "credential.helper=",
    "diff.external=",
    "diff.noPrefix=false",
    "diff.mnemonicPrefix=false",
    "log.showSignature=false",
    "protocol.allow=never",
    "safe.bareRepository=explicit",
    "status.submoduleSummary=false",
    "submodule.recurse=false",
)
_KEPT_VARIABLES: Final = frozenset(
    {"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES"}
)
_DISARMED: Final = {
    "filter": ("clean=", "smudge=", "process=", "required=false"),
    "hook": ("command=", "enabled=false"),
}
_OWN_SCOPES: Final = frozenset({"local", "worktree"})


class GitState(msgspec.Struct, frozen=True):
    """What was checked out, and what was changed on top of it.

    Attributes:
        commit: full object name, "" before the first commit.
        branch: "" when HEAD is detached.
        remote: URL of ``origin``, or of the only remote; without credentials.
        dirty: whether tracked files differ from the commit.
        diff: that difference as a patch, without secrets; binary files are only named.
        diff_truncated: whether the patch is cut, or could not be made in time.
        root: absolute path of the work tree.
        untracked: Python files that git neither tracks nor ignores, relative to the root; at most
            200.
    """

    commit: str = ""
    branch: str = ""
    remote: str = ""
    dirty: bool = False
    diff: str = ""
    diff_truncated: bool = False
    root: str = ""
    untracked: tuple[str, ...] = ()


def read_git(start_dir: str, timeout: float = 2.0, diff_limit: int = 256_000) -> GitState | None:
    """Describe the repository around a directory.

    Args:
        start_dir: where to begin; directories above are searched for ``.git``.
        timeout: seconds for everything together.
        diff_limit: largest size of the diff in bytes; it is cut at the end of a line.

    Returns:
        The state, with what could not be read in time left at its default; None when there is no
        repository, no git, or git refuses the repository.
    """
    root = find_root(start_dir)
    if root is None:
        return None
    git = _Git(root, time.monotonic() + timeout)
    settings = git.read_settings()
    if settings is None:
        return None
    if not git.disarm(settings):
        return GitState(root=root, remote=_remote(settings), diff_truncated=True)
    status = git.run("status", "--porcelain=v2", "--branch", "--no-ahead-behind", *_NO_SUBMODULES,
                     "--untracked-files=no", "-z")  # fmt: skip
    if status is None:
        return GitState(root=root, remote=_remote(settings), diff_truncated=True)
    commit, branch, dirty = _parse_status(status[0])
    diff, is_cut = git.read_diff(commit, diff_limit) if dirty else ("", False)
    return GitState(
        commit=commit,
        branch=branch,
        remote=_remote(settings),
        dirty=dirty,
        diff=diff,
        diff_truncated=is_cut,
        root=root,
        untracked=git.read_untracked(),
    )


_NO_SUBMODULES: Final = ("--ignore-submodules=dirty",)


def find_root(start_dir: str) -> str | None:
    """The nearest directory upward that holds ``.git``."""
    try:
        path = os.path.realpath(start_dir)
    except (OSError, ValueError):
        return None
    while not os.path.exists(os.path.join(path, ".git")):
        parent = os.path.dirname(path)
        if parent == path:
            return None
        path = parent
    return path


def _parse_status(output: bytes) -> tuple[str, str, bool]:
    """Commit, branch and whether anything changed, from ``status --porcelain=v2 --branch -z``."""
    commit = branch = ""
    dirty = False
    for entry in output.decode("utf-8", "replace").split("\0"):
        if entry.startswith("# branch.oid "):
            name = entry.removeprefix("# branch.oid ")
            commit = "" if name == "(initial)" else name
        elif entry.startswith("# branch.head "):
            name = entry.removeprefix("# branch.head ")
            branch = "" if name == "(detached)" else name
        elif entry and not entry.startswith("#"):
            dirty = True
    return commit, branch, dirty


def _remote(settings: list[tuple[str, str, str]]) -> str:
    """The URL of ``origin``, or of the first remote there is."""
    urls = {
        key.removeprefix("remote.").removesuffix(".url"): value
        for _, key, value in reversed(settings)
        if key.startswith("remote.") and key.endswith(".url")
    }
    return redact_text(urls.get("origin") or next(iter(urls.values()), ""))


class _Git:
    """Runs git in one repository until a deadline.

    The work tree is given, so that ``core.worktree`` of a hostile repository cannot point git at
    somebody's home.
    """

    def __init__(self, root: str, deadline: float) -> None:
        self._root = root
        self._deadline = deadline
        self._settings = dict.fromkeys(_SAFE)
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("GIT_") or name in _KEPT_VARIABLES
        } | {
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_PAGER": "cat",
            "GIT_WORK_TREE": root,
            "LC_ALL": "C",
        }

    def read_settings(self) -> list[tuple[str, str, str]] | None:
        """All settings as (scope, key, value); None when git cannot be run here."""
        result = self.run("config", "--list", "--show-scope", "-z")
        if result is None:
            return None
        words = result[0].decode("utf-8", "replace").split("\0")
        found: list[tuple[str, str, str]] = []
        for scope, setting in zip(words[::2], words[1::2], strict=False):
            key, _, value = setting.partition("\n")
            found.append((scope, key, value))
        return found

    def disarm(self, settings: list[tuple[str, str, str]]) -> bool:
        """Switch off the filters and hooks that the repository itself configures.

        Those of the user's own configuration (LFS) stay: the user chose them.

        Returns:
            False when one cannot be switched off: ``git -c`` cannot spell its name.
        """
        for scope, key, _ in settings:
            family, _, rest = key.partition(".")
            name = rest.rpartition(".")[0]
            if scope not in _OWN_SCOPES or family not in _DISARMED or not name:
                continue
            if "=" in name:
                return False
            for setting in _DISARMED[family]:
                self._settings[f"{family}.{name}.{setting}"] = None
        return True

    def read_diff(self, commit: str, limit: int) -> tuple[str, bool]:
        """The patch on top of the commit, and whether it is cut."""
        base = [commit] if commit else ["--cached"]
        result = self.run(
            "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames",
            "--full-index", "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short",
            *_NO_SUBMODULES, *base, "--",
            limit=limit,
        )  # fmt: skip
        if result is None:
            return "", True
        output, is_cut = result
        if is_cut:
            output = output[: output.rfind(b"\n") + 1]
        return redact_text(output.decode("utf-8", "replace")), is_cut

    def read_untracked(self) -> tuple[str, ...]:
        """Python files that are neither tracked nor ignored."""
        result = self.run("ls-files", "--others", "--exclude-standard", "-z", "--", "*.py")
        if result is None:
            return ()
        names = result[0].decode("utf-8", "replace").split("\0")
        return tuple(sorted(name for name in names if name)[:MAX_UNTRACKED])

    def run(self, *arguments: str, limit: int = _MAX_OUTPUT) -> tuple[bytes, bool] | None:
        """The output of one git command, up to ``limit`` bytes, and whether there was more.

        None when it failed, took too long, or there is no git.
        """
        command = ["git", "--no-pager", "-C", self._root]
        for setting in self._settings:
            command += ["-c", setting]
        try:
            process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )
        except (OSError, ValueError):
            return None
        try:
            return self._collect(process, limit)
        finally:
            _end(process)

    def _collect(self, process: subprocess.Popen[bytes], limit: int) -> tuple[bytes, bool] | None:
        if process.stdout is None:
            return None
        poller = select.poll()
        poller.register(process.stdout, select.POLLIN)
        output = bytearray()
        while len(output) <= limit:
            left = self._deadline - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                return None
            data = os.read(process.stdout.fileno(), _READ)
            if not data:
                break
            output += data
        if len(output) > limit:
            return bytes(output[:limit]), True
        try:
            code = process.wait(max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None
        return (bytes(output), False) if code == 0 else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the command and whatever it started, and collect it."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
