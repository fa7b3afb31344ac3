"""What happened, from an append-only log: every metric, waterfall and report is derived from it."""
