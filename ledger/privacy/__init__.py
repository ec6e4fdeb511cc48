"""Patient data (DESIGN §5): sealed under a key of each patient's own, opened only by parties with a wrap of that key.

On the ledger stand pseudonyms and salted commitments (GDPR art. 4(5) and 25; EDPB guidelines 02/2025: personal data
stays off the chain). Value and salt are sealed together; destroying the key's wraps, the ciphertexts and so the salts
erases the person (art. 17), and the ledger still verifies.
"""
