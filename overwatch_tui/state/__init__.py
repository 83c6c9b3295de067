"""What the screen shows, as frozen values and pure functions. No Textual here."""
