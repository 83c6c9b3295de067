"""Between the swarm's thread and the screen's: what crosses, and nothing else. No Textual here."""
