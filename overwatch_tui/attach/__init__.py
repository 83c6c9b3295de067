"""A screen over a swarm of another process: the socket in the home, what is said over it, and both of its ends."""
