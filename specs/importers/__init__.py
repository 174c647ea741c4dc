"""Specs out of what people have already: sbatch scripts, sheets of experiments, W&B sweeps."""
