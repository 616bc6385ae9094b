"""The pad of the report: from a movement of the pen to the picture that all layers have changed in.

Chromium draws strokes on the page without a window. Each movement is timed from the event to the
last pixel of the last layer, all nets read. `read` is one net alone.

    python benchmarks/draw.py [--page reports/index.html] [--moves 300] [--json FILE]
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MEASURE = """
<script>
addEventListener("load", () => {
  const pad = document.getElementById("pad"), box = pad.getBoundingClientRect();
  const canvases = [...document.querySelectorAll(".draw canvas")];
  const point = (kind, t) => pad.dispatchEvent(new PointerEvent(kind, {
    pointerId: 1, bubbles: true,
    clientX: box.left + box.width * (0.5 + 0.3 * Math.sin(t / 9)),
    clientY: box.top + box.height * (0.5 - 0.4 * Math.cos(t / 14)),
  }));
  pad.setPointerCapture = () => {}; // the events are no real pointer's
  const times = [], reads = [];
  for (let move = 0; move < MOVES; move++) {
    if (move % 60 === 0) {
      lenetPad.clear();
      point("pointerdown", move);
    }
    const start = performance.now();
    point("pointermove", move);
    for (const canvas of canvases) canvas.getContext("2d").getImageData(0, 0, 1, 1);
    times.push(performance.now() - start);
  }
  const net = opened(JSON.parse(document.getElementById("nets").textContent).nets[0]);
  for (let i = 0; i < MOVES; i++) {
    const start = performance.now();
    read(net, lenetPad.digit());
    reads.push(performance.now() - start);
  }
  document.body.dataset.measured = JSON.stringify({ stroke: times, read: reads });
});
</script>
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--page", metavar="FILE", type=Path, default=Path("reports/index.html"),
        help="the report, or a page of lenet.predict (reports/index.html)",
    )  # fmt: skip
    parser.add_argument("--moves", type=int, default=300, help="movements of the pen (300)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to this file as well")
    options = parser.parse_args()
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if browser is None:
        sys.exit("draw.py: no Chromium here")
    if not options.page.is_file():
        sys.exit(f"draw.py: there is no {options.page}: dvc repro -s report")
    measured = measure(browser, options.page.read_text("utf-8"), options.moves)
    print("milliseconds       median   95 %")
    figures = {}
    for name, label in (("stroke", "stroke to picture"), ("read", "one net reads")):
        times = sorted(measured[name])
        figures[name] = {"median": times[len(times) // 2], "p95": times[int(0.95 * len(times))]}
        print(f"{label:18} {figures[name]['median']:6.2f} {figures[name]['p95']:6.2f}")
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")


def measure(browser: str, page: str, moves: int) -> dict[str, list[float]]:
    """Milliseconds of each movement of the pen, and of each reading of one net."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        file = Path(folder) / "page.html"
        file.write_text(page.replace("</body>", MEASURE.replace("MOVES", str(moves)) + "</body>"))
        done = subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
                *(f"--user-data-dir={folder}/profile", "--window-size=1400,800", file.as_uri()),
            ],
            capture_output=True,
            text=True,
            timeout=300,
        )
    found = re.search(r'data-measured="([^"]*)"', done.stdout)
    if not found:
        sys.exit(f"draw.py: the page has no pad, or it does not run: {done.stderr[-500:]}")
    return json.loads(html.unescape(found[1]))


if __name__ == "__main__":
    main()
