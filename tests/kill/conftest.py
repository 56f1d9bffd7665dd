"""What the tests that kill share."""

from processes import made, place

__all__ = ["made", "place"]
