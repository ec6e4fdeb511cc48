"""Reading therapies: the list, the journey of one, and what a scan leads to."""
