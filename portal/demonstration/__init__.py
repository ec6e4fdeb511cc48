"""The demonstration consortium: its members, its people, and therapies walked through the real operations."""
