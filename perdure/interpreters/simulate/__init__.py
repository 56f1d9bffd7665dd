"""Runs in a world of a script: virtual time, answers as data, weeks in a millisecond."""
