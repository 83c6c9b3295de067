"""One replica of the demo app."""
