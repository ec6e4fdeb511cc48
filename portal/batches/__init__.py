"""The maker's rooms: the board, the batch record, the bench, intake, review and release."""
