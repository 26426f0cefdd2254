"""What other programs left on disk, read and written into a home as journals.

A package per format. Each stands on the journal and the domain alone, so that the command line,
a server and the training side can use it.
"""
