"""Debian's Chromium without a window, for tests of pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@contextmanager
def headless_chromium() -> Iterator[Any]:
    """A browser; skips the test where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("tests of pages need Debian's package 'chromium'")
    sync_api = pytest.importorskip("playwright.sync_api", reason="tests of pages need the package 'playwright'")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
