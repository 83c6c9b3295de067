"""The parts of the screen. None of them reads markup in what it is given."""
