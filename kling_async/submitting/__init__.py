"""How a task is made, and what became of the attempt."""
