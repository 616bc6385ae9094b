"""How nets learn: losses, recipes, the LightningModule."""

import lenet.torchvision_ops  # noqa: F401  before Lightning imports torchvision
