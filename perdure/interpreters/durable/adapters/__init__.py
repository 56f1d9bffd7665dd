"""The real world behind the ports: time, threads, locks, signals and dice."""
