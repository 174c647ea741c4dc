"""What the user asked for: the model of a spec, its loader, its expansion into runs."""
