"""Dice."""

from __future__ import annotations

import secrets


class SystemEntropy:
    """Run ids that sort by time."""

    def run_id(self, now: int) -> str:
        """A UUID version 7 (RFC 9562 §5.7): milliseconds since 1970, then random bits."""
        bits = (now & (2**48 - 1)) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
