"""The scikit-learn plugin of fitprint."""
