"""Learning: losses, penalties, optimisers, and the loop that trains."""
