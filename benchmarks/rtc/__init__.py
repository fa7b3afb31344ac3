"""What `benchmarks.webrtc` is made of."""
