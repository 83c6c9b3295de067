"""The durable core: the database is the log, the bus only delivers, effects have one door."""
