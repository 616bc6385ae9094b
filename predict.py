"""Reads pictures of digits: python predict.py --help"""

import sys
from pathlib import Path

from lenet.predict import main
from lenet.streams import lenient

if __name__ == "__main__":
    with lenient():
        sys.exit(main(Path(__file__).resolve().parent))
