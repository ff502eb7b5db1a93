"""The page people ask in, served by one process."""
