"""How long a record takes: seconds of whole `python train.py ...` processes, one seed each.

    python benchmarks/record.py [--threads 1 2] [--times 3] [--json FILE] [KEY=VALUE ...]

Nothing is tracked. The first step begins when the first epoch does, and the net is trained when the
last one ends; what comes before is imports, the digits and the kernels, which numba has in its
cache, and what comes after is the test. Medians, on a machine that does nothing else.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lenet.report.groups import RECORDS

ROOT = Path(__file__).resolve().parents[1]
EPOCH = re.compile(r" epoch \d+ .* ([\d.]+) s$")  # as train.py tells the end of one


def seconds(values: list[str]) -> dict[str, float]:
    """Of one process of train.py that is given some values."""
    ends = []
    with tempfile.TemporaryDirectory() as output:
        begin = time.perf_counter()
        command = [sys.executable, "train.py", "tracking=off", f"output={output}", *values]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            for line in process.stdout:
                if epoch := EPOCH.search(line.rstrip()):
                    ends.append((time.perf_counter() - begin, float(epoch[1])))
        whole = time.perf_counter() - begin
    if process.returncode or not ends:
        sys.exit(f"python train.py {' '.join(values)} failed")
    (first, of_first), (trained, _) = ends[0], ends[-1]
    return {
        "trained_from_first_step": trained - (first - of_first),
        "trained_from_start": trained,
        "tested_from_start": whole,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="(1 2)")
    parser.add_argument("--times", type=int, default=3, help="processes of each (3)")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("values", nargs="*", metavar="KEY=VALUE", help="for train.py, too")
    given = parser.parse_args()

    rows = []
    for name in RECORDS:
        for threads in given.threads:
            values = [f"experiment={name}", "seeds=[0]", f"trainer.threads={threads}"]
            values += given.values
            seconds(values)  # compiles
            times = [seconds(values) for _ in range(given.times)]
            median = {key: statistics.median(each[key] for each in times) for key in times[0]}
            rows.append({"experiment": name, "threads": threads} | median)
    print("threads  trained, s from the first step  from the start  tested, from the start")
    for row in rows:
        print(
            f"{row['threads']:>7} {row['trained_from_first_step']:>31.1f} "
            f"{row['trained_from_start']:>15.1f} {row['tested_from_start']:>23.1f}  "
            f"{row['experiment']}"
        )
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
