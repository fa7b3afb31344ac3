"""Who breaks the rules of a gateway, and those who keep them meanwhile (`benchmarks.offenders`)."""
