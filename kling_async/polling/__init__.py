"""When to ask the vendor about tasks, and what to make of the answer."""
