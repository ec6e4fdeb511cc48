"""Web hooks: a member's own systems are told of a divergence, signed, and with a log of each delivery."""
