"""Names, paths and manifests: what is refused, and that equal content has equal digests."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochal.domain.artifact import (
    Entry,
    Manifest,
    check_alias,
    check_artifact_name,
    check_path,
    check_paths,
    digest_of,
    is_digest_prefix,
    read_manifest,
    read_model_reference,
    read_reference,
)
from epochal.errors import InvalidInput

BAD_PATHS = [
    "", " ", ".", "..", "../x", "a/../b", "a/..", "/etc/passwd", "//etc", "a//b", "a/", "a/./b",
    "C:\\x", "C:x", "\\\\host\\share", "..\\..\\x", "x\0.png", "a\nb", "a\x85b", "a\u2028b",
    "a\u202eb", "..;/x", "...", "CON", "aux.txt", "lpt1", "name.", "name ", "a" * 300,
    "a/" * 600 + "b", "\ud800", "a?b", 'a"b', "a|b", "a*",
]  # fmt: skip
GOOD_PATHS = [
    "a",
    "a/b.txt",
    ".hidden",
    "a b",
    "ünï/文件",
    "%2e%2e/x",
    "x#y",
    "a..b",
    "..a",
    "console",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_paths_that_could_leave_or_clash_are_refused(path):
    """PT-01 to PT-15: on every system, whatever it would do with them."""
    with pytest.raises(InvalidInput):
        check_path(path)


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_ordinary_paths_pass(path):
    assert check_path(path) == path


def test_one_spelling_for_one_file():
    """PT-13: decomposed letters are composed; look-alikes never become dots."""
    assert check_path("u\u0308") == "ü"
    assert check_path("\uff0e\uff0e/x") == "\uff0e\uff0e/x"


@given(st.text(max_size=40))
def test_a_path_that_passes_stays_in_its_directory(text):
    try:
        path = check_path(text)
    except InvalidInput:
        return
    assert not path.startswith("/")
    assert ".." not in path.split("/")
    assert unicodedata.normalize("NFC", path) == path == check_path(path)


@pytest.mark.parametrize(
    "paths", [["a", "A"], ["a", "a/b"], ["x/a", "X/a/b"], ["ß", "SS"], ["u\u0308"]]
)
def test_paths_that_meet_on_some_machine_are_refused(paths):
    """PT-20, PT-21: by case, by folding, a file that is a directory as well."""
    with pytest.raises(InvalidInput):
        check_paths(dict.fromkeys(paths))


def test_a_manifest_is_the_same_whatever_the_order():
    entries = {name: Entry(digest_of(name.encode()), 1) for name in "cab"}
    other = dict(sorted(entries.items()))
    assert Manifest(entries).encode() == Manifest(other).encode()
    assert read_manifest(Manifest(entries).encode()).entries == entries
    assert (Manifest(entries).size, len(Manifest(entries).digests())) == (3, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b'{"entries": {}, "format": 2}', b'{"entries": {"a": {}}}',
        b'{"entries": {"a": {"digest": "x", "size": 1}}}',
        b'{"entries": {"../a": {"ref": "s3://x"}}}', b'{"entries": {"a": {"size": 1}}}',
        b"[" * 100_000, b"\xff",
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(data):
    with pytest.raises(InvalidInput):
        read_manifest(data)


def test_a_reference_needs_no_blob():
    entry = Entry(ref="s3://bucket/key", etag="x")
    manifest = Manifest({"a": entry})
    assert read_manifest(manifest.encode()).entries == {"a": entry}
    assert manifest.digests() == {}


@pytest.mark.parametrize(
    ("text", "path", "number", "alias"),
    [
        ("data", "local/p/data", None, "latest"),
        ("data:v12", "local/p/data", 12, None),
        ("q/data:best", "local/q/data", None, "best"),
        ("e/q/data:0123abcd", "e/q/data", None, "0123abcd"),
        ("e/q/with/slashes/data:v1", "e/q/with/slashes/data", 1, None),
        ("data:v1234567890", "local/p/data", None, "v1234567890"),
    ],
)
def test_artifact_names_are_taken_apart(text, path, number, alias):
    ref = read_reference(text, "p")
    assert (ref.path, ref.number, ref.alias) == (path, number, alias)


@pytest.mark.parametrize("text", ["", "a/b/c/", "data:", ":v0", "a b/", "/data", None, "a@b", 7])
def test_names_that_cannot_be_are_refused(text):
    with pytest.raises(InvalidInput):
        read_reference(text, "p")


def test_aliases_never_read_like_versions():
    for bad in ("v3", "a/b", "a:b", "a@b", "", " "):
        with pytest.raises(InvalidInput):
            check_alias(bad)
    assert check_alias("v3.1") == "v3.1"
    for bad in ("a/b", "a:b", "a@b", "a?b", "x" * 200):
        with pytest.raises(InvalidInput):
            check_artifact_name(bad)
    assert is_digest_prefix("0123abcd")
    assert not is_digest_prefix("0123abc")


def test_model_names_are_taken_apart():
    for text, name, version in (
        ("m", "m", "latest"), ("models:/m/3", "m", 3), ("m@best", "m", "best"),
        ("models:/m@best", "m", "best"), ("m/latest", "m", "latest"),
    ):  # fmt: skip
        ref = read_model_reference(text)
        assert (ref.name, ref.version) == (name, version)
