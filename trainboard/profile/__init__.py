"""Where the time of a program goes: sampled stacks, dumped threads, traces that it wrote. Pure."""
