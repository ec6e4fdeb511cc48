"""Live status and background work: what a server process does beside answering requests (DESIGN §11)."""
