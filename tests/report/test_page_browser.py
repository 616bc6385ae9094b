"""The page in a browser: on a screen and a phone, light and dark, by mouse, finger and keyboard."""

import base64
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests import browser
from tests.browser import Browser, Page
from tests.conftest import PROJECT
from tests.report.conftest import build, whole
from tests.report.test_draw import agree, reader

from lenet import results
from lenet.data import mnist, normalise, pictures
from lenet.report import groups

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no Chromium here"),
]

NETS = [name for name in groups.DRAWN if (PROJECT / "results" / name / results.MODEL).is_file()]
MEASURE = """(() => {
  const root = document.documentElement, width = root.clientWidth;
  for (const details of document.querySelectorAll("details")) details.open = true;
  const shown = [...document.body.querySelectorAll("*")].filter((e) =>
    e.getClientRects().length && !e.closest("noscript, script, style, .heard, svg *"));
  const name = (e) =>
    `${e.tagName}#${e.id}.${e.getAttribute("class")}: ${e.textContent.trim().slice(0, 40)}`;
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const faint = [], small = [];
  for (const e of document.body.querySelectorAll("*")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const silent = ".heard, noscript, script, style, option, title";
    if (!own || !e.getClientRects().length || e.closest(silent)) continue;
    const style = getComputedStyle(e), inSvg = e.closest("svg");
    const scale = inSvg ? Math.hypot(e.getScreenCTM().a, e.getScreenCTM().b) : 1;
    const size = parseFloat(style.fontSize) * scale;
    if (size < 10.95) small.push(name(e) + " " + size.toFixed(1));
    if (e.closest(".pictures svg")) continue; // the dark inverts these as a whole
    const colour = rgb(inSvg ? style.fill : style.color);
    const [a, b] = [light(colour), light(ground(e))].sort((x, y) => y - x);
    const large = size >= 24 || (size >= 18.6 && style.fontWeight >= 600);
    if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5)) faint.push(name(e));
  }
  const all = (selector) => [...document.querySelectorAll(selector)];
  const levels = all("h1, h2, h3, h4, h5").map((h) => Number(h.tagName[1]));
  const outside = ({ left, right }) => right > width + 1 || left < -1;
  const labelled = (e) => e.textContent.trim() || e.getAttribute("aria-label") ||
    e.getAttribute("aria-labelledby") || e.closest("label");
  const ids = all("[id]").map((e) => e.id);
  return JSON.stringify({
    scroll: root.scrollWidth, width,
    out: shown.filter((e) => outside(e.getBoundingClientRect())).map(name),
    clipped: shown.filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map(name),
    ground: light(rgb(getComputedStyle(document.body).backgroundColor)),
    faint, small,
    leaps: levels.filter((level, i) => level > (levels[i - 1] ?? 0) + 1).length,
    first: levels[0],
    unlabelled: all("button, input, select, canvas[tabindex], [role=img]")
      .filter((e) => !labelled(e)).map(name),
    ids: ids.filter((id, i) => ids.indexOf(id) !== i),
  });
})()"""


@pytest.fixture(scope="module")
def address(pictured, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a whole study, with the committed nets."""
    root = tmp_path_factory.mktemp("study")
    for result in whole():
        results.save(result, root / "results" / result.experiment)
    for name in NETS:
        shutil.copy(PROJECT / "results" / name / results.MODEL, root / "results" / name)
    for name in ("pictures.npz", "robustness.json"):
        shutil.copy(pictured.folder / name, root / "results")
    build(root / "results", root / "reports")
    return (root / "reports" / "index.html").as_uri()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    page = Page(chromium, address, 1400)
    yield page
    said = page.said("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    page.close()
    assert said == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1400, 1090, 768, 390, 320])
def test_it_fits_and_can_be_read(chromium: Browser, address: str, width: int, dark: bool) -> None:
    page = Page(chromium, address, width, dark)
    measured = json.loads(page.run(MEASURE))
    assert measured["width"] == width
    assert (measured["ground"] < 0.1) == dark
    assert measured["scroll"] <= width
    assert measured["out"] == []
    assert measured["clipped"] == []
    assert measured["faint"] == []
    assert width == 320 or measured["small"] == []  # 11 pixels on 360 are 10 on 320
    assert (measured["first"], measured["leaps"]) == (1, 0)
    assert measured["unlabelled"] == []
    assert measured["ids"] == []
    assert page.said("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded") == []
    asked = [sent["request"]["url"] for sent in page.said("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [address]
    page.close()


def middle(page: Page, selector: str) -> tuple[float, float, float]:
    """Where an element starts in the window, and how wide it is."""
    box = page.run(f"""(() => {{ const e = document.querySelector("{selector}");
      e.scrollIntoView({{ block: "center" }}); const b = e.getBoundingClientRect();
      return [b.left, b.top, b.width]; }})()""")
    return tuple(box)


def digit_of(page: Page) -> np.ndarray | None:
    digit = page.run("lenetPad.digit() && [...lenetPad.digit()]")
    return None if digit is None else np.array(digit, np.uint8).reshape(28, 28)


def by_predict(page: Page) -> np.ndarray:
    """What predict makes of a PNG of the drawing."""
    grey = page.run("btoa(Array.from(lenetPad.grey, (v) => String.fromCharCode(v)).join(''))")
    file = io.BytesIO()
    drawing = np.frombuffer(base64.b64decode(grey), np.uint8).reshape(280, 280)
    Image.fromarray(drawing).save(file, "PNG")
    return normalise(pictures.grey(file.getvalue()))


def test_20_strokes_become_the_same_digit_as_by_predict(page: Page) -> None:
    left, top, width = middle(page, "#pad")
    generator = np.random.default_rng(0)
    for number in range(20):
        if number % 4 == 0:
            page.run("document.getElementById('clear').click()")
        first, *more = generator.uniform(0.02, 0.98, (6, 2)) * width + (left, top)
        page.mouse("Pressed", *first)
        for place in more:
            page.mouse("Moved", *place)
        page.mouse("Released", *more[-1])
        assert np.array_equal(digit_of(page), by_predict(page)), number
        said = page.run("document.getElementById('said').textContent")
        assert said.startswith("The net reads ")


@pytest.mark.parametrize("name", NETS)
def test_all_test_digits_get_pythons_answers(
    page: Page, mnist_root: Path, tmp_path: Path, name: str
) -> None:
    class Engine:
        """Calls what mini-racer's engine calls, in the page."""

        def call(self, _: str, net: str, text: str) -> list[list[float]]:
            page.run(f"globalThis.given = decoded('{text}'); 0")
            return page.run(f"""(() => {{
              const data = JSON.parse(document.getElementById("nets").textContent);
              const net = opened(data.nets.find((each) => each.name === "{net}"));
              return Array.from({{ length: given.length / 784 }}, (_, i) =>
                [...read(net, given.subarray(784 * i, 784 * i + 784)).penalties]); }})()""")

    digits = mnist(tmp_path, mnist_root).test_images
    assert len(digits) == 10_000
    agree(Engine(), name, reader(name).classifier.net, digits)


def test_a_finger_draws_without_scrolling_the_page(chromium: Browser, address: str) -> None:
    page = Page(chromium, address, 390)
    page.call("Emulation.setTouchEmulationEnabled", enabled=True)
    left, top, width = middle(page, "#pad")
    before = page.run("scrollY")
    page.touch("Start", (left + 0.5 * width, top + 0.2 * width))
    for down in np.linspace(0.2, 0.8, 10):
        page.touch("Move", (left + 0.5 * width, top + down * width))
    page.touch("End")
    assert np.array_equal(digit_of(page), by_predict(page))
    assert page.run("scrollY") == before
    assert page.run("document.getElementById('answer').textContent") in list("0123456789")
    page.close()


def test_the_keyboard_draws_and_clears(page: Page) -> None:
    page.run("document.getElementById('pad').focus()")
    assert digit_of(page) is None
    for key in ["ArrowUp"] * 10 + [" "] + ["ArrowDown"] * 20 + [" "]:
        page.key(key)
    assert page.run("document.getElementById('answer').textContent") == "1"
    assert np.array_equal(digit_of(page), by_predict(page))
    page.key("Delete")
    assert digit_of(page) is None
    assert page.run("document.getElementById('said').textContent") == "The pad is empty."


def test_units_tell_where_they_look(page: Page) -> None:
    page.run("document.querySelector('.tile').click()")
    page.run("document.getElementById('stage-C3').focus()")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.key(key)
    said = page.run("document.getElementById('unit').textContent")
    assert said.startswith("C3, map 0, row 1, column 1 is ")
    assert "3 kernels of 5x5 over 3 of the 6 maps of S2 (0, 1, 2)" in said
    assert said.endswith("Of the input it sees 14x14 pixels.")
    assert not page.run("document.getElementById('kernels').hidden")
    left, top, width = middle(page, "#stage-S2")
    page.mouse("Moved", left + width / 2, top + 5)
    assert page.run("document.getElementById('unit').textContent").startswith("S2, map ")


def test_sliders_move_the_digit_and_nets_are_compared(page: Page) -> None:
    page.run("document.querySelector('.tile').click()")
    plain = page.run("[...lenetPad.readings()[0].input]")
    page.run("""(() => { const slider = document.querySelector("#changes input");
      slider.value = 30; slider.dispatchEvent(new Event("input")); })()""")
    assert page.run("[...lenetPad.readings()[0].input]") != plain
    assert "30° counterclockwise" in page.run(
        "document.querySelector('#changes output').textContent"
    )
    page.run("document.getElementById('reset').click()")
    assert page.run("[...lenetPad.readings()[0].input]") == plain
    for net in range(len(NETS)):
        page.run(f"document.querySelectorAll('input[name=net]')[{net}].click()")
        answer = page.run("document.getElementById('answer').textContent")
        shown = page.run(f"document.querySelectorAll('#compared tr')[{net}].cells[1].textContent")
        assert answer == shown


def test_the_table_sorts_filters_and_opens(page: Page) -> None:
    visible = "[...document.querySelectorAll('table.rows > tbody')].filter((b) => !b.hidden)"
    assert page.run(f"{visible}.length") == 27
    page.run("document.querySelectorAll('table.rows thead button')[2].click()")
    errors = page.run(f"{visible}.map((b) => Number(b.rows[0].cells[2].dataset.sort ?? 1e9))")
    assert errors == sorted(errors)
    page.run("""(() => { const form = document.querySelector("form.filters");
      form.elements.family.value = "convolutional"; form.dispatchEvent(new Event("input")); })()""")
    assert page.run(f"{visible}.length") == 7
    opened = page.run("""(() => {
      const row = document.querySelector("table.rows > tbody:not([hidden])");
      row.querySelector("button").click(); return row.rows[1].textContent; })()""")
    assert "python train.py experiment=" in opened
    assert "seed 0" in opened


def test_without_javascript_all_but_the_pad_is_there(chromium: Browser, address: str) -> None:
    page = Page(chromium, "about:blank", 1400)
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.browser.events.clear()
    page.call("Page.navigate", url=address)
    page.browser.wait("Page.loadEventFired", page.session)
    text = page.call("DOM.getDocument", depth=1)["root"]["nodeId"]
    table = page.call("DOM.querySelector", nodeId=text, selector="table.rows")["nodeId"]
    html = page.call("DOM.getOuterHTML", nodeId=table)["outerHTML"]
    assert "hidden" not in html
    assert "python train.py experiment=lenet5" in html
    page.close()


def test_the_parity_script_sees_a_difference(page: Page) -> None:
    """The comparison with predict can fail: one pixel more is another digit."""
    left, top, width = middle(page, "#pad")
    page.mouse("Pressed", left + 0.3 * width, top + 0.3 * width)
    page.mouse("Moved", left + 0.6 * width, top + 0.7 * width)
    page.mouse("Released", left + 0.6 * width, top + 0.7 * width)
    page.run(
        "for (let i = 0; i < 400; i++) lenetPad.grey[11230 + 280 * (i % 20) + (i / 20 | 0)] = 0"
    )
    assert not np.array_equal(digit_of(page), by_predict(page))
