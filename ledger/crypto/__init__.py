"""Pure cryptography: formats and checks, no Django, no clock, no I/O. See docs/reference/ledger-formats.md."""
