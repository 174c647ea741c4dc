"""An experiment as one file that can be mailed or put beside a paper."""
