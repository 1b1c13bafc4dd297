"""Floor 7: numbers to people: plots, tables, one HTML page, traces as files."""
