"""Stands for the code of many modules (`bundle.py`): an installer removes what that is kept in.

What Python would compile this file into is the bundle's own place: nobody imports it.
"""
