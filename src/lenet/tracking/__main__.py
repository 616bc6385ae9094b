"""Brings MLflow what was kept while its server was away: python -m lenet.tracking

To be run in the project's folder. It may be repeated, and interrupted, at will.
"""

import os
import sys
from pathlib import Path

from lenet.tracking.tracker import deliver

if __name__ == "__main__":
    if not deliver(Path(os.environ.get("LENET_ROOT", Path.cwd()))):
        sys.exit(1)
    print("Nothing waits.")
