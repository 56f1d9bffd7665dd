"""Durable execution over SQL: every outcome is recorded before the program goes on."""
