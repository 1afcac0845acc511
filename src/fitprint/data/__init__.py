"""Data that somebody else's code made: what they are, told without copying, converting, consuming
or keeping them.
"""
