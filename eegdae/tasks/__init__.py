"""What a command does, one file a command; composes the parts and holds no numerics."""
