"""Coding agents that are programs: one file for each, and one way to run them all."""
