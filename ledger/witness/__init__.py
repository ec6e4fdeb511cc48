"""A member's witness: follows logs, checks every record by the shared rules, keeps a copy, and co-signs.

It runs as a process of its own, with a database and a key of its own, and never opens the portal's database.
"""
