"""Anomaly detection: `zl.AnomalyDetector` with scores, p-values, verdicts and explanations."""
