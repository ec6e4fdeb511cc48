"""The road: the courier's job, shipments, loggers, hand-overs on the way, and a logger's file."""
