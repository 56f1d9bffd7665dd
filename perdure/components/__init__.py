"""Patterns as typed functions over the core: no agents, no database, no I/O."""
