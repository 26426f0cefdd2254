"""Recorded homes to export from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.cli.conftest import pristine, pristine_things, shared
from tests.conftest import CHROMIUM_FLAGS, find_chromium

__all__ = ["pristine", "pristine_things", "shared"]


@pytest.fixture
def page() -> Iterator[Page]:
    """An empty page of a fresh browser."""
    executable = find_chromium()
    if executable is None:
        pytest.fail("Chromium is missing: apt install chromium, or set EPOCHAL_TEST_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
        yield browser.new_page()
        browser.close()
