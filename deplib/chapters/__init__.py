"""What each chapter of the book computes, so that its cells stay short.

Chapters call these functions; the functions call the library and return tables and sentences.
"""
