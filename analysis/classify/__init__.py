"""Says what an open response is: which outcome, in which language, how surely."""
