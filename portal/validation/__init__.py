"""Qualifying an installation: protocols (IQ, OQ, PQ) and the matrix from requirement to test, made from what there is.

After GAMP 5 (second edition, 2022) and EU GMP Annex 15; the organisation performs, judges and signs them.
"""
