"""Screens and mail for divergences of the ledger: everybody is told, and everybody can check."""
