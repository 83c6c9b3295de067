"""Recorded incidents: written from the database, checked at the door, and played in the control room, acting on nothing."""
