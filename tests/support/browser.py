"""A person in front of Label Studio: a real Chromium, an account of their own, and what they see and do."""

import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from integrations.labelers.label_studio.annotator import sign_up

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_PASSWORD = "secret-12345"
_DONE = "All tasks in the queue have been completed"
# Nothing of the browser's own may go out to the network.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE = 30_000  # milliseconds that a page may take on a busy machine


def find_chromium() -> Path:
    """The browser; its absence fails the test, for these tests are not optional."""
    named = os.environ.get("CURATOR_CHROMIUM")
    if named:
        path = Path(named)
        if path.is_file():
            return path
        pytest.fail(f"CURATOR_CHROMIUM names {named}, and no such program is there", pytrace=False)
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    pytest.fail(
        f"there is no browser ({', '.join(_NAMES)}) on PATH: install Chromium (Debian: apt-get install chromium), "
        "or name it in CURATOR_CHROMIUM",
        pytrace=False,
    )


class Annotator:
    """One person.

    Args:
        browser: each person gets a context of their own in it, so several can be logged in.
        url: of the server.
        email: of an account that is made now, by the sign-up form.
        size: of the window, in pixels.
    """

    def __init__(self, browser: Browser, url: str, email: str, size: tuple[int, int] = (1280, 720)) -> None:
        self.url = url
        self.email = email
        self.token = sign_up(url, email, _PASSWORD)
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        context.set_default_timeout(PATIENCE)
        self.errors: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append(f"a dialog says {dialog.message!r}"))

    def log_in(self) -> None:
        """By the form."""
        self.page.goto(f"{self.url}/user/login/")
        self.page.fill("input[name=email]", self.email)
        self.page.fill("input[name=password]", _PASSWORD)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(lambda url: "/user/login" not in url)

    def open_project(self, number: int) -> None:
        """As from the list of projects: without saying which tab."""
        self.page.goto(f"{self.url}/projects/{number}")
        expect(self._label_all).to_be_visible(timeout=PATIENCE)

    def open_task(self, number: int, task: int) -> None:
        """One task, by its address."""
        self.page.goto(f"{self.url}/projects/{number}/data?task={task}")
        self._wait_for_task(str(task))

    def label_all_tasks(self) -> None:
        """Start the stream of all tasks of the project, whatever the tab shows."""
        self._label_all.click()
        self.next_task()

    def label_as_displayed(self) -> None:
        """Start the stream of the tasks that the tab shows."""
        self.page.get_by_role("button", name="Toggle open").click()
        self.page.get_by_text("Label Tasks As Displayed").click()
        self.next_task()

    @property
    def tabs(self) -> list[str]:
        """Titles of the data manager's tabs, from left to right."""
        return self.page.get_by_role("tab").all_inner_texts()

    @property
    def listed(self) -> list[str]:
        """Numbers of the tasks that the data manager lists, from top to bottom."""
        boxes = self.page.get_by_label(re.compile(r"^Select Task \d+"))
        expect(boxes.first).to_be_visible(timeout=PATIENCE)
        return [str(box.get_attribute("aria-label")).split()[2] for box in boxes.all()]

    @property
    def instructions(self) -> Locator:
        """The dialog that covers the page when labeling begins."""
        return self.page.locator(".lsf-modal-ls__content")

    def close_instructions(self) -> None:
        """Close that dialog: until then nothing else can be clicked."""
        self.instructions.get_by_label("Close modal").click()
        expect(self.instructions).to_have_count(0)

    @property
    def task(self) -> int | None:
        """Number of the task that is shown; None when the stream is at its end."""
        if self.page.get_by_text(_DONE).is_visible():
            return None
        return int(re.match(r"\d+", self._task_number.inner_text()).group())  # type: ignore[union-attr]

    @property
    def chosen(self) -> list[str]:
        """The classes that are ticked."""
        ticked = self.page.locator("input[type=checkbox]:checked")
        return [str(ticked.nth(n).get_attribute("name")) for n in range(ticked.count())]

    @property
    def choices(self) -> Locator:
        """The boxes of the classes."""
        return self.page.locator("input[type=checkbox]")

    @property
    def editor(self) -> Locator:
        """What stands between the bars of the page: the item, the classes and what is shown beside."""
        return self.page.locator(".lsf-main-view__annotation, .lsf-main-content__annotation").first

    def choice(self, name: str) -> Locator:
        """The box of a class with its name."""
        return self.page.locator("label", has=self.page.locator(f"input[name={_quoted(name)}]"))

    def choose(self, name: str) -> None:
        """Click on a class."""
        self.choice(name).click()

    def press(self, key: str) -> None:
        """A key, with the page as a whole in focus."""
        self.page.locator("body").press(key)

    def submit(self) -> int | None:
        """Send the answer; returns the next task."""
        return self._on("bottombar-submit-button")

    def skip(self) -> int | None:
        """Skip the task; returns the next one."""
        return self._on("bottombar-skip-button")

    def next_task(self, after: int | None = None) -> int | None:
        """Wait until another task is shown, or none is left."""
        changed = self._task_number.filter(has_not_text=re.compile(rf"^\s*{after}\b"))
        expect(changed.or_(self.page.get_by_text(_DONE))).to_be_visible(timeout=PATIENCE)
        return self.task

    @property
    def _label_all(self) -> Locator:
        return self.page.get_by_role("button", name="Label All Tasks")

    @property
    def _task_number(self) -> Locator:
        return self.page.locator("[class*=current-task__task-id]")

    def _wait_for_task(self, task: str) -> None:
        expect(self._task_number).to_have_text(re.compile(rf"^\s*{task}\b"), timeout=PATIENCE)

    def _on(self, button: str) -> int | None:
        before = self.task
        self.page.get_by_test_id(button).click()
        return self.next_task(before)


def _quoted(name: str) -> str:
    """A name as a string of CSS."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
