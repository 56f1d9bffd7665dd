"""The versions: `0001` and up. What is released is never edited; a change is the next number."""
