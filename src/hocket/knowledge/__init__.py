"""An agent's knowledge: documents cut into passages, and an index that finds the closest of them."""
