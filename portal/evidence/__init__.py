"""The ledger for every member: its health, its keys, its files for outside tools; and the pages Help and Privacy."""
