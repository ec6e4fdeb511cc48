"""The shared rules of a therapy: what the consortium's smart contract admits.

Pure and deterministic, over the public payload only: no clock, no database, no randomness. The operation that writes a
record and every witness that replays it run this code. Manufacturing adds the clauses of its own records with `extend`.
"""

from custody.contract.therapy import TherapyContract, extend_kind, extend_record
from custody.contract.worklist import ReadyStep, is_ready, ready_steps

__all__ = ["ReadyStep", "TherapyContract", "extend_kind", "extend_record", "is_ready", "ready_steps"]
