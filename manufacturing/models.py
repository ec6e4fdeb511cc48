"""Every model of manufacturing, for Django."""

from manufacturing.batches.models import Batch

__all__ = ["Batch"]
