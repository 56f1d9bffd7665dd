"""The dry run: what a workflow may do and cost, seen before any of it happens."""
