"""Floor 4: many layers: graph, operators, execution, float twin."""
