"""A browser, and people in front of it."""

import secrets
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from support.browser import ARGUMENTS, Annotator, find_chromium
from support.local_studio import LocalStudio

Person = Callable[[LocalStudio, str], Annotator]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One real Chromium. It is closed with the module, for its loop would be in the way of other tests' own."""
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def person(browser: Browser) -> Iterator[Person]:
    """Makes people with an account of their own, logged in; at the end, nothing may have gone wrong in their pages."""
    made: list[Annotator] = []

    def make(studio: LocalStudio, name: str) -> Annotator:
        found = Annotator(browser, studio.url, f"{name}-{secrets.token_hex(3)}@browser.example.org")
        found.log_in()
        made.append(found)
        return found

    yield make
    for each in made:
        assert each.errors == []
        assert each.page.evaluate("window.hacked") is None
        each.page.context.close()
