"""How an organisation is reached at any hour: its duty telephone number, and the screen that sets it."""
