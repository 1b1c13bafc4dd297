"""Floor 6: graphs to numbers: bounds, width ladder, error, accuracy."""
