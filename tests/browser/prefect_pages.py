"""Pages of Prefect's UI, as somebody uses them who sees labels and buttons, and no markup."""

import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

_PATIENCE_SECONDS = 60.0
_A_MOMENT_MS = 3_000


def _labelled(label: str) -> re.Pattern[str]:
    return re.compile(rf"^{re.escape(label)}( \(Optional\))?$")


def _choose(page: "Page", label: str, value: str) -> None:
    """Choose from a list with this label, with the mouse."""
    from playwright.sync_api import Error  # noqa: PLC0415  # who comes here has it

    name = re.compile(rf"^Select {re.escape(label)}( \(Optional\))?$")
    button = page.get_by_role("button", name=name)
    option = page.get_by_role("option", name=value, exact=True)
    chosen = button.filter(has_text=value)
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while not chosen.count() and time.monotonic() < give_up_at:
        # While the page loads, the form is drawn anew, and a list that was open is gone.
        with suppress(Error):
            button.click(timeout=_A_MOMENT_MS)
            option.click(timeout=_A_MOMENT_MS)
            chosen.wait_for(timeout=_A_MOMENT_MS)
    chosen.wait_for(timeout=_A_MOMENT_MS)


class RunForm:
    """The form in which a run of a deployment is started.

    Args:
        page: A window.
        url: Of the server.
        deployment: Its name.
    """

    def __init__(self, page: "Page", url: str, deployment: str) -> None:
        self.page = page
        page.goto(url)
        page.get_by_role("link", name="Deployments").click()
        page.get_by_role("table").get_by_role("link", name=deployment, exact=True).first.click()
        page.get_by_role("button", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Custom run").click()
        page.get_by_role("heading", name="Parameters").wait_for()

    def fill(self, label: str, value: str) -> None:
        """Type into the box with this label."""
        self.page.get_by_label(_labelled(label)).fill(value)

    def choose(self, label: str, value: str) -> None:
        """Choose from the list with this label."""
        _choose(self.page, label, value)

    def tick(self, label: str) -> None:
        """Switch on what has this label."""
        self.page.get_by_label(_labelled(label)).click()

    def submit(self) -> None:
        """Press the button."""
        self.page.get_by_role("button", name="Submit").click()

    def refusal(self, label: str) -> "Locator":
        """What is said under the field with this label."""
        caption = self.page.locator("label").filter(has_text=_labelled(label))
        return caption.locator("xpath=ancestor::div[fieldset][1]/p")

    def follow_the_run(self) -> "RunPage":
        """Start the run, and open its page."""
        self.submit()
        self.page.get_by_role("link", name="View run").click()
        self.page.wait_for_url("**/flow-run/**")
        self.page.reload()  # the note that it was started would stay in the way for a while
        return RunPage(self.page)


class RunPage:
    """The page of one run."""

    def __init__(self, page: "Page") -> None:
        self.page = page
        page.get_by_role("tab", name="Logs").wait_for()

    def answer(self, label: str, value: str) -> None:
        """Go on with a run that waits for an answer, and give it."""
        self.page.get_by_role("main").get_by_text("Paused", exact=True).first.wait_for()
        self.page.get_by_role("button", name="Open menu").click()
        self.page.get_by_role("menuitem", name="Resume").click()
        dialog = self.page.get_by_role("dialog")
        dialog.wait_for()
        _choose(self.page, label, value)
        dialog.get_by_role("button", name="Resume").click()

    def wait_until_over(self, patience_ms: int) -> str:
        """Watch it; returns the name of the state that it ends in."""
        over = re.compile(r"^(Completed|PartlySent|SentElsewhere|Failed|Crashed|Cancelled)$")
        badge = self.page.get_by_role("main").get_by_text(over).first
        badge.wait_for(timeout=patience_ms)
        return badge.inner_text()

    def open_details(self) -> "Locator":
        """Open what says, among other things, why it ended so."""
        self.page.get_by_role("tab", name="Details").click()
        return self.page.get_by_role("tabpanel", name="Details")

    def open_artifact(self, description: str) -> "Locator":
        """Open what the run shows for people; returns that, as it is drawn."""
        self.page.get_by_role("tab", name="Artifacts").click()
        self.page.get_by_role("tabpanel").get_by_role("link", name=description).click()
        main = self.page.get_by_role("main")
        main.get_by_role("link", name=re.compile(r"^[0-9a-f]{8}$")).first.click()
        return main.get_by_test_id("markdown-display")


def open_list(page: "Page", url: str, name: str) -> "Locator":
    """Open one of the lists of the menu."""
    page.goto(url)
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("main").get_by_role("table").wait_for()
    return page.get_by_role("main")
