"""What a replica writes: lines with their time first, warnings on standard error and the rest on standard output."""

from __future__ import annotations

import logging
import sys
import time


def configure() -> None:
    """Set up the process's log: what this app says from INFO on, what libraries say from WARNING on."""
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    output, errors = logging.StreamHandler(sys.stdout), logging.StreamHandler(sys.stderr)
    output.addFilter(lambda record: record.levelno < logging.WARNING)
    errors.setLevel(logging.WARNING)
    for handler in (output, errors):
        handler.setFormatter(formatter)
        logging.getLogger().addHandler(handler)
    logging.getLogger("mini_app").setLevel(logging.INFO)
