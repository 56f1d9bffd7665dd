"""How an `ask` is answered. These handlers know agents and nothing of how a run is recorded."""
