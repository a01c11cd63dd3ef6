"""What a user sees of the panel in JupyterLab."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, Request, expect
from playwright.sync_api import TimeoutError as NotInTime
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from omega_jupyter.config import SecretUrl
from omega_jupyter.omega import Omega
from omega_jupyter.store.database.connection import forget
from tests.mongo_server import MongoServer
from tests.ui.conftest import Lab

Screenshot = Callable[[str], None]

PANEL = "omega-jupyter-panel"

# Of text against its background: WCAG 2.1, level AA.
READABLE = 4.5

CONTRAST = """element => {
    const channels = colour => colour.match(/[\\d.]+/g).map(Number);
    const luminance = colour => {
        const [r, g, b] = channels(colour).map(c => {
            const s = c / 255;
            return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const background = node => {
        const colour = getComputedStyle(node).backgroundColor;
        return channels(colour)[3] === 0 ? background(node.parentElement) : colour;
    };
    const [dark, light] = [
        luminance(getComputedStyle(element).color), luminance(background(element))
    ].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
}"""


@pytest.fixture
def stored(lab: Lab, mongo_url: str) -> Iterator[Omega]:
    """An Omega with some objects, which the server uses too."""
    om = Omega(mongo_url)
    frame = pd.DataFrame({"amount": [1.5, 2.5], "region": ["north", "south"]})
    om.datasets.put(frame, "sales/2025")
    om.datasets.put(frame, "sales/2026")
    om.datasets.put(np.zeros((4, 2)), "X")
    om.models.put(LogisticRegression(), "mymodel")
    om.models.put(RandomForestClassifier(n_estimators=2), "churn/forest")
    lab.use(mongo_url)
    yield om
    lab.use(None)


def open_panel(page: Page) -> Locator:
    page.get_by_role("tab", name="Omega").click()
    return page.get_by_role("region", name="Omega", exact=True)


def keeps_open(request: Request) -> bool:
    """Tell whether a request keeps a layout in which the panel is the one that is shown."""
    kept = f'"current":"{PANEL}"' in (request.post_data or "")
    return kept and "/api/workspaces/" in request.url


def lines(panel: Locator) -> Locator:
    return panel.get_by_role("treeitem")


def active(panel: Locator) -> Locator:
    return panel.locator("[role=treeitem][aria-selected=true]")


def run(page: Page, command: str, **args: object) -> None:
    page.evaluate("([id, args]) => window.jupyterapp.commands.execute(id, args)", [command, args])


def test_the_side_bar_opens_a_panel_with_the_stored_names(
    page: Page, stored: Omega, screenshot: Screenshot
) -> None:
    panel = open_panel(page)

    expect(lines(panel)).to_have_text(
        [
            "Data sets3",
            "Xarray",
            "sales/2025dataframe",
            "sales/2026dataframe",
            "Models2",
            "churn/forestestimator",
            "mymodelestimator",
        ]
    )
    screenshot("panel")


def test_the_refresh_button_shows_what_is_new(page: Page, stored: Omega) -> None:
    panel = open_panel(page)
    expect(lines(panel).filter(has_text="mymodel")).to_be_visible()

    stored.datasets.put([1, 2, 3], "brand-new")
    panel.get_by_role("button", name="Refresh").click()

    expect(lines(panel).filter(has_text="brand-new")).to_be_visible()


def test_a_panel_that_is_shown_again_is_up_to_date(page: Page, stored: Omega) -> None:
    panel = open_panel(page)
    expect(lines(panel).filter(has_text="mymodel")).to_be_visible()

    page.get_by_role("tab", name="File Browser").click()
    expect(panel).to_be_hidden()
    stored.models.drop("mymodel")
    open_panel(page)

    expect(lines(panel).filter(has_text="mymodel")).to_have_count(0)


def test_the_filter_keeps_the_names_that_hold_it(page: Page, stored: Omega) -> None:
    panel = open_panel(page)

    panel.get_by_role("searchbox", name="Filter by name").fill("SALES")

    expect(lines(panel)).to_have_text(
        ["Data sets2", "sales/2025dataframe", "sales/2026dataframe", "Models0"]
    )
    expect(panel.get_by_role("status")).to_have_text("2 objects found")


def test_everything_is_reached_with_the_keyboard(page: Page, stored: Omega) -> None:
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input:focus").wait_for(state="attached")
    page.keyboard.type("Show Omega")
    page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="Omega", exact=True)
    tree = panel.get_by_role("tree", name="Stored objects")
    expect(lines(panel).filter(has_text="mymodel")).to_be_visible()

    page.keyboard.press("Tab")
    expect(panel.get_by_role("button", name="Refresh")).to_be_focused()
    page.keyboard.press("Tab")
    expect(panel.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Tab")
    expect(tree).to_be_focused()

    page.keyboard.press("ArrowDown")
    expect(active(panel)).to_have_text("Xarray")
    page.keyboard.press("End")
    expect(active(panel)).to_have_text("mymodelestimator")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(active(panel)).to_have_text("Models2")
    expect(lines(panel).filter(has_text="mymodel")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(lines(panel).filter(has_text="mymodel")).to_be_visible()


def test_an_empty_database_says_the_first_step(
    page: Page, lab: Lab, mongo_url: str, screenshot: Screenshot
) -> None:
    lab.use(mongo_url)

    panel = open_panel(page)

    expect(panel).to_contain_text("Nothing is stored yet")
    expect(panel).to_contain_text("%load_ext omega_jupyter")
    expect(panel).to_contain_text("%omega put X")
    screenshot("empty")
    lab.use(None)


def test_local_services_that_do_not_run_are_not_started(page: Page, lab: Lab) -> None:
    lab.use(None)

    panel = open_panel(page)

    expect(panel).to_contain_text("The local services are not running")
    expect(panel).to_contain_text("%omega put X")
    assert not list((lab.settings.parents[2] / "data").rglob("mongod*"))


def test_a_database_that_goes_away_is_named_and_the_names_stay(
    page: Page, lab: Lab, screenshot: Screenshot
) -> None:
    with MongoServer() as server:
        url = f"{server.url()}?serverSelectionTimeoutMS=2000"
        Omega(url).datasets.put([1, 2], "precious")
        lab.use(url)
        panel = open_panel(page)
        expect(lines(panel).filter(has_text="precious")).to_be_visible()

        server.kill()
        panel.get_by_role("button", name="Refresh").click()

        problem = panel.get_by_role("alert")
        expect(problem).to_contain_text("does not answer", timeout=15_000)
        expect(problem).to_contain_text("omega doctor checks every hop")
        expect(lines(panel).filter(has_text="precious")).to_be_visible()
        screenshot("down")

        server.start()
        # Unless the panel has found it by itself before the click.
        with suppress(NotInTime):
            panel.get_by_role("button", name="Try again").click(timeout=3_000)
        expect(problem).to_have_count(0, timeout=15_000)
    lab.use(None)
    forget(SecretUrl(url))


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_theme_is_readable(
    page: Page, stored: Omega, theme: str, screenshot: Screenshot
) -> None:
    panel = open_panel(page)
    run(page, "apputils:change-theme", theme=theme)
    expect(page.locator("body")).to_have_attribute("data-jp-theme-name", theme)
    page.wait_for_function("() => !document.querySelector('#jupyterlab-splash')")

    texts = panel.locator(".jp-OmegaPanel-name, .jp-OmegaPanel-section, .jp-OmegaPanel-detail")
    expect(texts).to_have_count(14)
    for text in texts.all():
        assert text.evaluate(CONTRAST) >= READABLE, text.inner_text()
    screenshot(theme.rpartition(" ")[2].lower())


def test_the_panel_is_open_again_after_a_reload(page: Page, stored: Omega, lab: Lab) -> None:
    # The layout is kept a moment after each change.
    with page.expect_response(lambda response: keeps_open(response.request)):
        open_panel(page)
    with page.expect_response(lambda response: response.url.partition("?")[0].endswith("/objects")):
        page.goto(f"{lab.url}/lab")

    panel = page.get_by_role("region", name="Omega", exact=True)
    expect(lines(panel).filter(has_text="mymodel")).to_be_visible()
