"""Where a network makes errors: what the file says that a run wrote its predictions to, and two of them compared."""
