"""`zl.AnomalyDetector`: scores, p-values, verdicts and explanations."""
