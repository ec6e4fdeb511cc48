"""What witnesses found wrong with the log: their signed reports, who has seen them, and how each was settled."""
