"""Lets torchvision be imported beside a torch it was not compiled for.

The registry's torchvision is a CUDA build. Beside a CPU build of torch its compiled part does not
load, and then `import torchvision` dies on fakes that it registers for two operators nobody
defined. This project uses neither operator, only torchvision's data sets and transforms: declaring
the two schemas is enough. Where the compiled part loads, nothing is done. Import this module before
torchvision.
"""

from importlib.util import find_spec
from pathlib import Path

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def missing() -> bool:
    """Whether torchvision is installed but its compiled part does not load beside this torch."""
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    for library in Path(spec.origin).parent.glob("_C.*"):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            return True
    return not hasattr(torch.ops.torchvision, "nms")


def declare() -> torch.library.Library:
    """Declares the schemas. The declaration lasts as long as the object that is returned."""
    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    return library


_declared = declare() if missing() else None
