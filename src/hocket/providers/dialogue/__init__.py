"""How the offline responder understands a caller and puts things into words. English only."""
