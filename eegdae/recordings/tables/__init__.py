"""Tables: text and columnar files, and the grid that their rows are laid on."""
