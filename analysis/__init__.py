"""What the answers mean: measures, intervals, tests, gates, and the study of a run."""
