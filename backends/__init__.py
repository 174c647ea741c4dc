"""Where runs run: this machine, SSH servers, Slurm clusters."""
