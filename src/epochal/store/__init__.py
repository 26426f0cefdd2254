"""The home's index and its series: one owner, functions per noun.

Only this package knows a database.
"""
