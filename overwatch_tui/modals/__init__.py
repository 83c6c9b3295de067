"""Questions that are put to the person before something is done."""
