"""Compliance proofs: a Groth16 proof that one segment of a therapy followed its specification.

`statement` says what is proven and computes every public input, `keys` and `prover` make proofs in processes of
their own, `verifier` checks them. Nothing here knows Django. docs/explanation/proof-statement.md is the prose.
"""
