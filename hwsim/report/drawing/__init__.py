"""Pictures: shapes on a plane, written as SVG for the page and as PNG, the same in both."""
