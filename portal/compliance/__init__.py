"""What the regulations ask, clause by clause, and where the portal answers: typed data, checked against the code."""
