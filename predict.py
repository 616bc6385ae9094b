"""Reads pictures of digits: python predict.py --help"""

import sys
from pathlib import Path

from lenet.predict import main

if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent))
