"""Proof pages: what is proven, and the evidence from which a reader's own browser verifies it."""
