"""Servers on loopback that speak the vendors' protocols, with seeded delays and faults on demand.

Test an agent against them as against the vendor: start one, give its address as the provider's `base_url`.
"""
