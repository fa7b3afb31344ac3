"""Questions about hocket that are answered by figures: one a file, stated in its first line."""
