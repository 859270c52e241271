"""A real browser, and all of Rollcall as `make serve` starts it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deployments.demo import sandbox_variables
from tests.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_CHROMIUM = shutil.which("chromium")
"""Debian's. Playwright would download another one, from a place that not every machine reaches."""
_PATIENCE_MS = 30_000
_WIDTH, _HEIGHT = 1280, 900


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Chromium, without a window."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed; `make browser` installs it"
    )
    if _CHROMIUM is None:
        pytest.skip("there is no chromium on this machine; on Debian: apt install chromium")
    with playwright.sync_playwright() as driver:
        # Started as root, as in a container, Chromium has no sandbox of its own. It sees our pages only.
        launched = driver.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def served(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Everything that `make serve` starts, on free ports, with a ledger of its own; not without a browser."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("ROLLCALL_DATABASE_URL", "ROLLCALL_REPORT_DIRECTORY", *sandbox_variables("")):
            environment.delenv(name, raising=False)
        started = Served(tmp_path_factory.mktemp("served") / "kept")
        started.url("Receiver")
        yield started
        if started.process.poll() is None:
            started.process.terminate()
            started.process.wait(120)


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    """A window of its own: nothing is remembered from another test."""
    context = browser.new_context(viewport={"width": _WIDTH, "height": _HEIGHT}, locale="en-GB", timezone_id="UTC")
    context.set_default_timeout(_PATIENCE_MS)
    yield context.new_page()
    context.close()


class Album:
    """Keeps screenshots in `ROLLCALL_SCREENSHOTS`, if that is set."""

    def __init__(self, directory: str | None) -> None:
        self._directory = None if directory is None else Path(directory)

    def keep(self, page: "Page", name: str, *, height: int = _HEIGHT) -> None:
        """Take a picture of the window, as high as is said: Prefect's pages scroll inside of it."""
        if self._directory is None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        page.set_viewport_size({"width": _WIDTH, "height": height})
        page.wait_for_timeout(700)  # what moves has come to rest; nothing is asserted on it
        page.screenshot(path=self._directory / f"{name}.png")
        page.set_viewport_size({"width": _WIDTH, "height": _HEIGHT})


@pytest.fixture(scope="session")
def album() -> Album:
    """Where pictures go."""
    return Album(os.environ.get("ROLLCALL_SCREENSHOTS"))
