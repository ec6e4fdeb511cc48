"""What patients ask for beside erasure: a correction, a restriction of use, and a copy of what is kept."""
