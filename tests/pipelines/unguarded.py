"""A module that calls its pipeline when it is imported."""

from epochal.pipelines import pipeline, step


@step
def one() -> int:
    """Give 1."""
    return 1


@pipeline
def flow() -> None:
    """Call it."""
    one()


flow()
