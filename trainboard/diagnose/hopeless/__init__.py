"""Whether a run will come to something: rules over the curve of its objective, and what they would have cost."""
