"""The rules over job and machine: each takes a `JobSeen` and makes a finding, or none."""
