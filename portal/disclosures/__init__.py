"""Screens of disclosures: ask, answer, refuse, share, withdraw, read and verify."""
