"""Who watches this log: members' witnesses and their co-signatures, and what is published once enough have signed."""
