"""What the tests of the command line share."""

from terminal import terminal

__all__ = ["terminal"]
