"""From frozen domain values to what a template shows. No queries, no rules of the trade."""
