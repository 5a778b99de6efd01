"""The report in a real Chromium, from the file system: drawn, silent, readable on a phone, and nobody else's code runs."""

import json
import re

import pytest
from playwright.sync_api import expect
from support.browser import PATIENCE
from support.reports import SCRIPT, campaign

from curator.project.project import Project
from curator.views.report.write import write_report

WIDTHS = {"desktop": (1280, 800), "phone": (390, 844), "small phone": (320, 640)}
PLOTS = ("curve", "per-dollar", "gap", "reliability", "confusion", "map")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Five measured rounds of a campaign whose texts, classes and columns try to break out of the page."""
    folder = campaign(tmp_path_factory.mktemp("report") / "hostile", 6)
    with Project(folder) as project:
        return write_report(project).page


class Reader:
    """A browser window with the report in it, and everything that the page said or asked for."""

    def __init__(self, browser, path, size=WIDTHS["desktop"], scheme="light"):
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
        )
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]")

    def colour(self, selector, what="color"):
        """As it is computed."""
        return self.page.evaluate(
            "([s, w]) => getComputedStyle(document.querySelector(s))[w]", [selector, what]
        )


@pytest.fixture
def reader(browser, report):
    """Opens the report; at the end nothing was said, nothing but the file was asked for, and no script of an item ran."""
    opened = []

    def open_(**options):
        opened.append(Reader(browser, report, **options))
        return opened[-1]

    yield open_
    for one in opened:
        assert one.said == []
        assert [url for url in one.asked if not url.startswith(("file:", "data:"))] == []
        assert sum(url.startswith("file:") for url in one.asked) == 1
        assert one.page.evaluate("window.hacked") is None
        one.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_plot_is_drawn_and_nothing_sticks_out(reader, width, scheme):
    """At each width, light and dark: marks in all six plots, and the page never scrolls sideways."""
    page = reader(size=WIDTHS[width], scheme=scheme).page
    for name in PLOTS:
        place = page.locator(f"#{name}")
        expect(place.locator(".main-svg").first).to_be_attached()
        marks = place.locator(".points path, .heatmaplayer image, .heatmaplayer rect")
        assert marks.count() >= 1, name
        box = place.bounding_box()
        assert box["width"] > 200
        assert box["height"] > 150
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width][0]
    wide = page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter(
            (one) => !one.closest(".scroll, .plot") && one.getBoundingClientRect().right > innerWidth + 1
        ).map((one) => one.outerHTML.slice(0, 90))"""
    )
    assert wide == []


def test_the_planted_script_is_text(reader):
    """The item that is a script is read, not run, and so is the slice of that name."""
    page = reader().page
    expect(page.get_by_role("region", name="Slices").get_by_text(SCRIPT, exact=True)).to_be_visible()
    picks = page.get_by_role("region", name="Picks of the last round")
    errors = page.get_by_role("region", name="Hold-out errors")
    assert picks.get_by_text("<script>").count() + errors.get_by_text("<script>").count() >= 1
    assert page.locator("script").count() == 4


def test_hovering_over_the_map_shows_an_item_as_text(reader):
    """The box beside the pointer has the item's words in it, whatever they are."""
    page = reader().page
    places = page.locator("#map .points path")
    shown = ""
    for i in range(places.count()):
        places.nth(i).scroll_into_view_if_needed()
        places.nth(i).hover(force=True)
        if page.locator("#hover").is_visible() and "<script>" in page.locator("#hover").inner_text():
            shown = page.locator("#hover").inner_text()
            break
    assert SCRIPT in shown
    assert page.locator("#hover script").count() == 0


def test_the_switches_work_by_keyboard(reader):
    """Tab and Enter reach the theme and the axis; plots follow both, and say so to a screen reader."""
    one = reader()
    page = one.page
    before = one.colour("body", "backgroundColor")
    line = one.colour("#curve .lines path", "stroke")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Dark")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    assert one.colour("body", "backgroundColor") != before
    assert one.colour("#curve .lines path", "stroke") != line
    labels = page.get_by_role("button", name="labels")
    for _ in range(10):  # over what else can be opened on the way
        page.keyboard.press("Tab")
        if labels.evaluate("button => button === document.activeElement"):
            break
    expect(labels).to_be_focused()
    expect(page.locator("#curve .xtitle")).to_have_text(re.compile("spent so far"))
    page.keyboard.press("Space")
    expect(page.locator("#curve .xtitle")).to_have_text("training labels")
    expect(page.get_by_role("button", name="money")).to_have_attribute("aria-pressed", "false")
    assert "number of labels" in page.locator("#curve").get_attribute("aria-label")


def test_the_theme_of_the_system_is_followed(reader):
    """Light or dark by the system, also when it changes while the page is open; texts stand out from the paper."""
    one = reader(scheme="dark")
    dark = one.colour("body", "backgroundColor")
    one.page.emulate_media(color_scheme="light")
    expect(one.page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "false")
    assert one.colour("body", "backgroundColor") != dark
    for scheme in ("light", "dark"):
        one.page.emulate_media(color_scheme=scheme)
        paper = luminance(one.colour("body", "backgroundColor"))
        for selector in ("body", ".note", ".under", "caption"):
            assert contrast(luminance(one.colour(selector)), paper) >= 4.5, (scheme, selector)


def test_the_page_is_read_in_its_order(reader):
    """One main heading, money before everything else, then the sections in their order."""
    page = reader().page
    assert page.locator("h1").count() == 1
    heads = page.locator("h1, h2").all_inner_texts()
    order = (
        "Spent so far", "Forecast", "Advice", "Saved against random", "Learning curve", "Gain per dollar",
        "Generalisation gap", "Reliability", "Classes", "Slices", "What is taken for what", "Map of the pool",
        "Annotators", "What round 6 asks, and why",
    )  # fmt: skip
    assert heads[0].startswith("The last $0.96")
    assert heads[1:] == list(order)


def test_the_numbers_on_the_page_are_those_of_the_json(reader, report):
    """What a reader sees first is what the ledger has."""
    last = json.loads(report.with_suffix(".json").read_text("utf-8"))["last"]
    shown = reader().page.locator(".bought").inner_text()
    assert f"{100 * last['value']:.1f}%" in shown
    assert f"{100 * last['value_low']:.1f}% to {100 * last['value_high']:.1f}%" in shown
    assert f"{abs(100 * last['gain']):.1f}" in shown


def luminance(colour):
    """Relative luminance of an rgb() colour (WCAG 2)."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """Of two luminances (WCAG 2)."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
