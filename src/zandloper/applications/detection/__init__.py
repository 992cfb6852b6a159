"""`zl.AnomalyDetector`: scores, conformal p-values, verdicts and explanations."""
