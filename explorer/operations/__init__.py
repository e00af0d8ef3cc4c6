"""What an operation is: one class a kind, in one file a group, and the registry that finds the one of a module.

A new kind is one class here, decorated with `register`: nothing else in the package holds a list of kinds.
"""

from explorer.operations import joining, pointwise, spreading, windows  # noqa: F401  each registers its kinds
from explorer.operations.arithmetic import Arithmetic, Read, Share, Term
from explorer.operations.base import (
    Formula,
    Map,
    Operation,
    Part,
    Work,
    along,
    kinds,
    known,
    operation_of,
    register,
    unregister,
    values_of,
)

__all__ = [
    "Arithmetic",
    "Formula",
    "Map",
    "Operation",
    "Part",
    "Read",
    "Share",
    "Term",
    "Work",
    "along",
    "kinds",
    "known",
    "operation_of",
    "register",
    "unregister",
    "values_of",
]
