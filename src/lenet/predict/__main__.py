"""python -m lenet.predict page, in the project's folder"""

import sys
from pathlib import Path

from lenet.predict.page import main
from lenet.streams import lenient

if __name__ == "__main__":
    with lenient():
        sys.exit(main(Path.cwd()))
