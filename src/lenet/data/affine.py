"""Planar affine maps of batches of images, shared by deslanting and by the distortions."""

import torch
from torch import Tensor
from torch.nn import functional as F

_CHUNK = 1024  # images at a time: what they need stays in the processor's cache


def resample(images: Tensor, source: Tensor, size: int, fill: float) -> Tensor:
    """Looks every pixel of the result up in the image that it comes from, bilinearly.

    Args:
        images: N x 1 x H x H.
        source: N x 2 x 3 float32. Row n takes (x, y, 1), a place of result n, to the place of
            image n it comes from. Both are in pixels from their picture's centre, x to the
            right and y down, so that all zeros but ones on the diagonal keeps the image.
        size: side of the result, in pixels.
        fill: value of what lies outside an image.

    Returns:
        N x 1 x size x size float32.
    """
    if not len(images):
        return images.new_empty(0, 1, size, size)
    side = images.shape[-1]
    scale = source.new_tensor([[size / side, size / side, 2 / side]])  # to grid_sample's -1 to 1
    chunks = zip(images.split(_CHUNK), (source * scale).split(_CHUNK), strict=True)
    results = [
        F.grid_sample(
            some - fill,
            F.affine_grid(theta, [len(some), 1, size, size], align_corners=False),
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        ).add_(fill)
        for some, theta in chunks
    ]
    return torch.cat(results)
