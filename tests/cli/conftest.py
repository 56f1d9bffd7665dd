"""What the tests of the command line share."""

from machine import machine
from terminal import terminal

__all__ = ["machine", "terminal"]
