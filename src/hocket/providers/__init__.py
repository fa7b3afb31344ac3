"""The stages' implementations: one module a vendor or model, and the store of model files."""
