"""Pictures of a plan: the layout of its graph, and one file for each format."""
