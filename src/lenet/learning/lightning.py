"""Imports Lightning without what its metrics would import along. Import this module before it.

torchmetrics, which Lightning rests on, imports torchvision, matplotlib and much of SciPy wherever
it finds them, for metrics and plots that nothing here uses. It asks lightning_utilities what there
is, which denies those three meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from lightning_utilities.core import imports

from lenet.imports import uncollected

UNUSED = ("torchvision", "matplotlib", "scipy")


@contextmanager
def _hidden(*packages: str) -> Iterator[None]:
    """For imports that do without some packages, which are there."""
    requirement_met = imports.RequirementCache.__bool__
    package_available = imports.package_available

    def met(self: imports.RequirementCache) -> bool:
        return self.requirement not in packages and requirement_met(self)

    def available(package_name: str) -> bool:
        return package_name not in packages and package_available(package_name)

    imports.RequirementCache.__bool__ = met  # type: ignore[method-assign]
    imports.package_available = available  # type: ignore[assignment]
    try:
        yield
    finally:
        imports.RequirementCache.__bool__ = requirement_met  # type: ignore[method-assign]
        imports.package_available = package_available


with _hidden(*UNUSED), uncollected():
    import pytorch_lightning  # noqa: F401
