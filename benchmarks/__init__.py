"""What a step costs, beside what the same rows and commits cost without us."""
