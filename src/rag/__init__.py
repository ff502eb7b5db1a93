"""Wenyuan (问源): ask a folder of articles, read a short answer with the sentence behind it."""

__version__ = "0.1.0"
