"""How values are kept between steps: safe files, chosen by the type of the value.

No serializer here runs code that came with a file, but for the one of pickles, which an output has
to ask for.
"""

from epochal.pipelines.serializers.arrays import Array, StateDict
from epochal.pipelines.serializers.estimators import Estimator, Pretrained
from epochal.pipelines.serializers.files import Content, Picture
from epochal.pipelines.serializers.loaders import Loader
from epochal.pipelines.serializers.modules import Module
from epochal.pipelines.serializers.parts import Outbox, Parts
from epochal.pipelines.serializers.pickled import Pickled
from epochal.pipelines.serializers.registry import Serializer, add_own, choose, find, register
from epochal.pipelines.serializers.tables import (
    ArrowTable,
    PandasFrame,
    PandasSeries,
    PolarsFrame,
)
from epochal.pipelines.serializers.tree import Tree

__all__ = ["Outbox", "Parts", "Serializer", "choose", "find", "register"]

add_own(
    Pretrained(),
    Module(),
    Loader(),
    StateDict(),
    Array(),
    PandasFrame(),
    PandasSeries(),
    PolarsFrame(),
    ArrowTable(),
    Content(),
    Picture(),
    Estimator(),
    Pickled(),
    Tree(),
)
