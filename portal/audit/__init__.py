"""The audit trail: who did what, when and why, with values before and after; exported by people, edited by nobody."""
