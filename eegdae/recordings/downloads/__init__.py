"""How a set comes from a server, and where it lies."""
