"""What is shown of runs, wherever it is shown: which runs, which columns, in which order, which
curve, and all of it as JSON.
"""
