"""The keys of organisations: what is in force, and changing it."""
