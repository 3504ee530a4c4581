"""The page in a browser: folding, details, the keyboard, colours, print, and widths."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.draw.test_hostile import NAMES, hostile
from tests.report.pages import html

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:
    pytest.skip("chromium and chromedriver are not installed", allow_module_level=True)
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

SWITCHES = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --force-prefers-reduced-motion"
)
PAGES: dict[str, dict[str, Any]] = {
    "gpt2": {"name": "gpt2"},
    "transformer-base": {"name": "transformer-base"},
    "swin-t": {"name": "swin-t"},
    "mixtral-8x7b": {"name": "mixtral-8x7b"},
    "timed": {"name": "llama-3-8b", "dtype": "bf16", "target": "h200"},
}

HOSTILE = {name: NAMES[name] for name in ("script", "long", "hebrew", "turned", "emoji")}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests, that keeps what the console says and what is asked for."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in SWITCHES.split():
        options.add_argument(switch)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield found
    found.quit()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("pages")
    for name, how in PAGES.items():
        (found / f"{name}.html").write_text(html(**how), encoding="utf-8")
    for name, text in HOSTILE.items():
        (found / f"{name}.html").write_text(hostile(text).report().html(), encoding="utf-8")
    return found


def shown(browser: Any, folder: Path, name: str, width: int = 1400, scheme: str = "light") -> Any:
    """A page at a width, in a colour scheme."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get((folder / f"{name}.html").as_uri())
    return browser


def test_no_page_says_anything_or_asks_for_anything(browser: Any, folder: Path) -> None:
    browser.get_log("performance")
    for name in (*PAGES, *HOSTILE):
        shown(browser, folder, name)
        assert browser.get_log("browser") == []
    sent = [e["message"] for e in browser.get_log("performance")]
    asked = [message for message in sent if "Network.requestWillBeSent" in message]
    assert len(asked) >= len(PAGES) + len(HOSTILE)
    assert [message for message in asked if '"url":"http' in message] == []
    browser.execute_script("console.error('heard')")
    assert len(browser.get_log("browser")) == 1


@pytest.mark.parametrize("name", [*PAGES, *HOSTILE])
@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_is_wider_than_the_page(browser: Any, folder: Path, name: str, width: int) -> None:
    page = shown(browser, folder, name, width)
    wider = "const e = document.documentElement; return e.scrollWidth - e.clientWidth"
    assert page.execute_script(wider) == 0
    page.execute_script("document.getElementById('unfold').click()")
    assert page.execute_script(wider) == 0
    page.execute_script(f"document.querySelector('h1').style.width = '{width + 9}px'")
    assert page.execute_script(wider) > 0


def test_folding_lays_the_page_out_anew(browser: Any, folder: Path) -> None:
    page = shown(browser, folder, "gpt2")
    module = page.find_element("css selector", "details.attention")
    summary = module.find_element("css selector", "summary")
    height = "return document.querySelector('.draw').offsetHeight"
    before = page.execute_script(height)
    assert not module.find_element("css selector", "button").is_displayed()
    summary.send_keys(Keys.ENTER)
    assert module.find_element("css selector", "button").is_displayed()
    assert page.execute_script(height) > before + 200
    summary.click()
    assert page.execute_script(height) == before
    page.execute_script("document.getElementById('fold').click()")
    assert page.execute_script(height) < before


def test_no_two_boxes_meet_and_all_text_is_inside(browser: Any, folder: Path) -> None:
    for name in (*PAGES, *HOSTILE):
        page = shown(browser, folder, name)
        page.execute_script("document.getElementById('unfold').click()")
        assert page.execute_script(CROSSED) == []
    page.execute_script("document.querySelector('.draw button').style.height = '500px'")
    page.execute_script("document.querySelector('.draw button').style.marginBottom = '-400px'")
    assert page.execute_script(CROSSED) != []


CROSSED = """
const boxes = [...document.querySelectorAll('.draw button, .draw a.src')]
  .filter((e) => e.offsetParent).map((e) => [e.textContent, e.getBoundingClientRect(), e]);
const wrong = [];
for (const [n, a, e] of boxes) {
  if (e.scrollWidth > e.offsetWidth) wrong.push(n);
  for (const [m, b] of boxes)
    if (a !== b && a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1
        && b.top < a.bottom - 1) wrong.push([n, m]);
}
return wrong;
"""


def test_pointing_tells_what_a_step_costs(browser: Any, folder: Path) -> None:
    page = shown(browser, folder, "gpt2")
    box = page.find_element("css selector", "button.embed")
    ActionChains(page).move_to_element(box).perform()
    assert page.find_element("id", "what").text == "Embedding"
    said = page.find_element("id", "say").text.split("\n")
    assert said[said.index("parameters") + 1] == "38,597,376 (31.0%)"
    assert said[said.index("output") + 1] == "[B, T, d]"


def test_tab_goes_through_the_page_in_order(browser: Any, folder: Path) -> None:
    page = shown(browser, folder, "gpt2")
    reached = []
    for _ in range(16):
        ActionChains(page).send_keys(Keys.TAB).perform()
        reached.append(page.switch_to.active_element)
    words = [e.text.split("\n")[0] or e.get_attribute("id") for e in reached]
    assert words[:8] == [
        "Figure",
        "Scale",
        "Costs",
        "Shapes",
        "Spec",
        "Code",
        "by-kind",
        "Unfold all",
    ]
    assert words[9:14] == ["Embedding", "Positions", "Layer", "LayerNorm", "Multi-head attention"]
    assert (
        page.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
        == "solid"
    )
    tops = [e.location["y"] for e in reached[9:]]
    assert tops == sorted(tops)


BESIDE = """
return [...document.querySelectorAll('.share')].filter(e => e.textContent.trim()).map(e => {
  const words = document.createRange(), cell = e.getBoundingClientRect()
  words.selectNodeContents(e)
  const bar = cell.width * parseFloat(getComputedStyle(e).backgroundSize) / 100
  return words.getBoundingClientRect().left - cell.left - bar
})
"""
"""How far from the bar of each row its share stands, in pixels."""


@pytest.mark.parametrize("width", [400, 1400])
def test_a_bar_ends_before_its_share(browser: Any, folder: Path, width: int) -> None:
    """Also that of a row which has all FLOPs."""
    apart = shown(browser, folder, "swin-t", width).execute_script(BESIDE)
    assert len(apart) > 10
    assert min(apart) >= 4


def test_colour_by_is_a_radio_and_says_the_share(browser: Any, folder: Path) -> None:
    page = shown(browser, folder, "gpt2")
    colour = "return getComputedStyle(document.querySelector('details.mlp')).backgroundColor"
    kind = page.execute_script(colour)
    radio = page.find_element("id", "by-kind")
    radio.send_keys(Keys.ARROW_RIGHT)
    assert page.find_element("id", "by-f").is_selected()
    assert page.execute_script(colour) != kind
    share = (
        "return getComputedStyle(document.querySelector('details.mlp')).getPropertyValue('--share')"
    )
    assert page.execute_script(share).strip() == "40"
    page.find_element("id", "by-p").click()
    assert page.execute_script(share).strip() == "46"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_a_contrast_of_4_5(browser: Any, folder: Path, scheme: str) -> None:
    for name in ("gpt2", "transformer-base", "timed"):
        page = shown(browser, folder, name, scheme=scheme)
        for by in ("by-kind", "by-f"):
            page.execute_script(f"document.getElementById('{by}').click()")
            for act in ("fold", "unfold"):
                page.execute_script(f"document.getElementById('{act}').click()")
                found = page.execute_script(CONTRASTS)
                assert len(found) > 100
                assert [each for each in found if each[1] < 4.5] == []
    page.execute_script("document.body.style.color = 'gray'")
    assert min(each[1] for each in page.execute_script(CONTRASTS)) < 4.5


CONTRASTS = """
const rgb = (text) => {
  const n = text.match(/[\\d.e-]+/g).map(Number);
  return text.startsWith('color(srgb') ? [...n.slice(0, 3).map((v) => 255 * v), n[3] ?? 1]
    : [...n.slice(0, 3), n[3] ?? 1];
};
const light = (c) => {
  const [r, g, b] = c.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (e) => {
  for (let up = e; up; up = up.parentElement) {
    const colour = rgb(getComputedStyle(up).backgroundColor);
    if (colour[3] === 1) return colour;
  }
};
const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const e = walk.currentNode.parentElement, style = getComputedStyle(e);
  if (!walk.currentNode.data.trim() || !e.checkVisibility()) continue;
  const svg = e.closest('svg');
  const [a, b] = [light(rgb(svg ? style.fill : style.color)), light(behind(e))];
  found.push([walk.currentNode.data.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
}
return found;
"""


def test_it_prints_with_all_sections(browser: Any, folder: Path) -> None:
    page = shown(browser, folder, "timed", scheme="dark")
    made = page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    data = base64.b64decode(made["data"])
    assert data.startswith(b"%PDF-")
    assert 3 <= data.count(b"/Type /Page\n") <= 12
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    dark = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(255, 255, 255)"
    for hidden in ("nav", ".tools", "aside"):
        assert not page.find_element("css selector", hidden).is_displayed()
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


MIDDLES = """
document.querySelectorAll(".draw details").forEach(each => each.open = true);
const middle = each => { const r = each.getBoundingClientRect(); return r.left + r.width / 2 };
return [...document.querySelectorAll(".side")].map(
  each => Math.abs(middle(each) - middle(each.querySelector(":scope > .seq"))))
"""


@pytest.mark.parametrize("width", [400, 1000, 1400])
@pytest.mark.parametrize("name", ["transformer-base", "mixtral-8x7b"])
def test_a_trunk_is_straight_beside_what_begins_elsewhere(
    browser: Any, folder: Path, name: str, width: int
) -> None:
    """However narrow the page is: a line that leads there would end beside it."""
    apart = shown(browser, folder, name, width).execute_script(MIDDLES)
    assert apart
    assert max(apart) <= 1
