"""What is built into images and composed: consistent, without secrets, and with nothing published but loopback."""
