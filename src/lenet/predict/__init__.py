"""Pictures of digits in, digits out."""

from lenet.predict.command import main

__all__ = [
    "main",
]
