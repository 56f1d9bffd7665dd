"""A provider that says the same to everybody, until it is ended: `python -m perdure.testing.models TEXT`."""

from __future__ import annotations

import sys
import threading

from perdure.testing.models.server import FakeProvider

if __name__ == "__main__":
    with FakeProvider(" ".join(sys.argv[1:]) or "hello") as provider:
        sys.stdout.write(f"{provider.url}\n")
        sys.stdout.flush()
        threading.Event().wait()
