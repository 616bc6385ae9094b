"""The page in a browser: nothing scrolls sideways, on a screen or a phone, light or dark."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here"),
]
LIGHT, DARK = 1, 0  # Blink's preferredColorScheme

MEASURE = """
<script>
addEventListener("load", () => {
  const root = document.documentElement, width = root.clientWidth;
  const shown = [...document.body.querySelectorAll("*")].filter((e) => e.getClientRects().length);
  const name = (e) => e.tagName + "." + e.className + ": " + e.textContent.trim().slice(0, 40);
  const out = shown.filter((e) => {
    const box = e.getBoundingClientRect();
    return box.right > width + 1 || box.left < -1;
  });
  const clipped = shown.filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0);
  const headings = [...document.querySelectorAll("thead button")];
  headings.find((b) => b.textContent == "ours").click();
  const first = document.querySelector("table.rows tbody tr").textContent;
  parent.postMessage(JSON.stringify({
    scroll: root.scrollWidth, width, dark: matchMedia("(prefers-color-scheme: dark)").matches,
    ground: getComputedStyle(document.body).backgroundColor,
    out: out.map(name), clipped: clipped.map(name), first,
    images: [...document.images].every((image) => image.naturalWidth > 0),
  }), "*");
});
</script>
"""
FRAME = """<!DOCTYPE html><body style="margin:0"><iframe src="page.html"
style="border:0;width:{width}px;height:800px"></iframe><script>
addEventListener("message", (e) => {{ document.body.dataset.measured = e.data; }});
</script></body>"""


@pytest.fixture(scope="module")
def page(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page of a whole study, which measures itself."""
    folder = tmp_path_factory.mktemp("page")
    text = (built / "reports" / "index.html").read_text()
    (folder / "page.html").write_text(text.replace("</body>", MEASURE + "</body>"))
    return folder


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
@pytest.mark.parametrize("width", [1400, 1090, 768, 390, 320])
def test_nothing_scrolls_sideways(page: Path, width: int, scheme: int) -> None:
    frame = page / f"frame_{width}.html"
    frame.write_text(FRAME.format(width=width))
    done = subprocess.run(
        [
            *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *(f"--user-data-dir={page / 'browser'}", "--virtual-time-budget=20000"),
            *(f"--blink-settings=preferredColorScheme={scheme}", f"--window-size={width},800"),
            *("--hide-scrollbars", frame.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r'data-measured="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    measured = json.loads(html.unescape(found[1]))
    assert measured["width"] == width
    assert measured["dark"] == (scheme == DARK)
    dark_ground = sum(map(int, re.findall(r"\d+", measured["ground"])[:3])) < 200
    assert dark_ground == (scheme == DARK)
    assert measured["scroll"] <= width
    assert measured["out"] == []
    assert measured["clipped"] == []
    assert measured["images"]
    assert "LeNet-5" in measured["first"] or "K-NN" in measured["first"]  # the least error first
