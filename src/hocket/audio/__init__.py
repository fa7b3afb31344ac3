"""Pure audio: samples in, samples out. No clock, no I/O; positions are counted in samples."""
