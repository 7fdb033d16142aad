"""Images: pictures in folders, arrays, IDX files."""
