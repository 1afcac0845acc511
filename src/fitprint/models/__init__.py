"""Models at rest: signatures, model directories that MLflow can load too, and loading under named
trust.
"""
