"""Lightning comes without what nothing here uses, and leaves it to whoever does."""

import subprocess
import sys

import pytest

CODE = """
import sys
import lenet.learning.modules
print([name for name in ("torchvision", "matplotlib", "scipy.stats") if name in sys.modules])
from lightning_utilities.core.imports import RequirementCache, package_available
print(bool(RequirementCache("torchvision")), package_available("scipy"))
"""


@pytest.mark.slow
def test_nothing_unused_is_imported_on_the_way_to_a_step() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.stdout == "[]\nTrue True\n", done.stderr
