"""The real durable interpreter on real SQLite in a simulated world, where everything follows from one number.

Real: `Drive`, `take_over`, `Journal` and every statement that they say to SQLite. Simulated: processes, time, the
disk's moods, what steps do, and people. `python -m tests.simulation --help`.
"""
