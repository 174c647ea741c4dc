"""From the bytes of a log to samples: incremental, pure, and at the speed of a log that grows fast.

A line is taken apart into its numbers and the text around them, its *shape*. Parsers see shapes only, and a shape
is looked at once: the next line of the same shape costs one table look-up. So a parser may take its time, and a
new format is one function and one line in `parsers.PARSERS`.
"""

from trainboard.extract.extractor import Extractor
from trainboard.extract.progress import Progress

__all__ = ["Extractor", "Progress"]
