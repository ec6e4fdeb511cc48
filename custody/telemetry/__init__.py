"""Readings of the loggers that travel with the cells: taken in, judged against the leg, committed to the ledger."""
