"""Settings: argument, then `Settings`, then variable, then default; W&B's names are understood."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import epochal
from epochal.client.settings import DEFAULTS, FIELDS, VARIABLES, read_settings
from epochal.errors import EpochalWarning, InvalidInput


def test_the_order_of_precedence() -> None:
    environment = {"EPOCHAL_MODE": "offline", "EPOCHAL_SILENT": "1", "EPOCHAL_URL": "http://e"}
    given = epochal.Settings(url="http://s/")
    final = read_settings(given, environment, mode="disabled")
    assert (final.mode, final.url, final.silent) == ("disabled", "http://s", True)
    assert final.exit_timeout == DEFAULTS["exit_timeout"]
    assert read_settings({"silent": False}, environment).silent is False


@pytest.mark.parametrize(
    "name,value,field,expected",
    [
        ("_disable_stats", True, "system_interval", 0.0),
        ("x_disable_stats", False, "system_interval", None),
        ("x_stats_sampling_interval", 3, "system_interval", 3.0),
        ("disable_git", True, "git", False),
        ("x_disable_meta", True, "environment", False),
        ("base_url", "http://x", "url", "http://x"),
        ("quiet", True, "silent", True),
        ("console", "off", "console", False),
        ("console", "wrap", "console", True),
        ("mode", "dryrun", "mode", "offline"),
        ("shared", True, "ranks", "shared"),
    ],
)
def test_words_of_wandb(name: str, value: Any, field: str, expected: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", EpochalWarning)
        assert getattr(epochal.Settings(**{name: value}), field) == expected


def test_settings_without_meaning_here_are_ignored_in_silence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", EpochalWarning)
        epochal.Settings(start_method="fork", code_dir=".", init_timeout=5)


def test_a_key_is_never_shown() -> None:
    assert "s3cret" not in repr(epochal.Settings(api_key="s3cret"))


@pytest.mark.parametrize(
    "bad",
    [{"console": 1.5}, {"git": "perhaps"}, {"exit_timeout": -1}, {"rotate_bytes": 0}, {"home": 5}],
)
def test_a_wrong_type_names_the_setting(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(bad))):
        epochal.Settings(**bad)


def test_there_are_at_most_thirty_settings_and_ten_variables() -> None:
    assert len(FIELDS) <= 30
    assert len({*VARIABLES.values(), "EPOCHAL_PROJECT", "EPOCHAL_ENTITY", "EPOCHAL_RUN_ID"}) <= 10
