"""Therapies that wait after a fork of the ledger: who holds them, and who frees them (DESIGN §12)."""
