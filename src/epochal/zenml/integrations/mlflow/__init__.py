"""The part of ZenML of this name that tutorials use."""
