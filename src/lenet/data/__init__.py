"""From raw bytes to digits: source, views, distortions."""

import lenet.torchvision_ops  # noqa: F401  before anything imports torchvision
