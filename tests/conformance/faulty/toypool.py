"""A library of nobody's that calls functions in processes of their own."""

import os
import pickle
import subprocess
import sys

WORKER = """
import pickle, sys
function, arguments = pickle.load(sys.stdin.buffer)
try:
    answer = function(*arguments), None
except Exception as error:
    answer = None, error
sys.stdout.buffer.write(pickle.dumps(answer))
"""


def submit(function, *arguments):
    """Return what the function returns, called in a new process."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    work = pickle.dumps((function, arguments))
    done = subprocess.run(
        [sys.executable, "-c", WORKER], input=work, env=environment, capture_output=True, check=True
    )
    result, error = pickle.loads(done.stdout)
    if error is not None:
        raise error
    return result
