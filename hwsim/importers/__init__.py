"""Floor 5: files to objects: machines, models, data."""
