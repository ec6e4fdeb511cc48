"""Patients of a treatment centre: a pseudonym for everybody, an identity for the centre alone (DESIGN §5)."""
