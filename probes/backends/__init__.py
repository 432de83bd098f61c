"""The backends: how models are asked."""
