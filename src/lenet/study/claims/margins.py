"""Every margin that a claim is held against, with its reason.

They were fixed before any verdict was computed, and none is wider than the effect that a claim
speaks of. Errors and shares are fractions: 0.001 is 0.1 points of per cent.
"""

from lenet import paper

FIGURE = paper.UNCERTAINTY / 100
"""Of a figure in per cent: 0.1 points, by which the paper itself calls its error rates uncertain
(III.C). Also what an error may rise by and still not rise, or fall by and still not improve."""

ALIKE = 0.002
"""Of two methods that the text calls alike or close: 0.2 points. The errors that it says so of
differ by 0.2 (4.7 and 4.5), 0.1 (3.05 and 2.95) and 0.1 (0.8 and 0.7), each uncertain by 0.1."""

SIMILAR = 0.005
"""Of linear classifiers, whose 12 % the text gives without decimals: half a point is what such a
figure leaves open."""

MARGINAL = 0.012
"""What a gain may be that the text calls marginal: the larger of the two that it says so of, 1.1
points (4.7 to 3.6), and the uncertainty of 0.1."""

MUCH = 0.007
"""What "much better" has to be at least: half of the 1.45 points between 4.5 and 3.05 that it is
said of, so nearer to the effect claimed than to none."""

COLLAPSE = 0.1
"""By how much a net whose outputs have collapsed errs more: 10 points, a ninth of what a net errs
more on that ignores its input (90 %)."""

READ = 0.1
"""The error up to which digits count as read right: one of ten. The text gives no rate, only
single characters; with one of ten wrong a reader would still say that they are recognised."""

ABOUT = 1.2
"""Of a count, a cost or a rate given with "about" or in round numbers: a factor of 1.2 up or down.
It is less than the way to what the text sets such figures against: half of the way from 1.75 nets
to 3 is a factor of 1.31, from once to twice 1.41, from 1 to 1.6 (60 % more) 1.26."""

FAR = 3.0
"""What "far" less time, memory or arithmetic has to be at least: a factor of 3, half a power of
ten, so nearer to ten times less than to alike. The paper's own least ratio is 12."""

ROUND = 500
"""Of numbers of digits that are told in thousands (30,000 and 30,000; 5,000 and 5,000): half a
thousand."""

SAME = 0.0001
"""Of answers that are the same but for rounding: one digit of 10,000."""

SETTLED = 12
"""After how many passes the error has settled: the text has "10 to 12"; the later of the two."""

FIRST_PASSES = 3
"""The first few passes, in which weights shrink: "few" is three."""

FEATURES = 0.0
"""By how much less alike C3's maps have to be where they see different maps of S2, as the mean size
of the correlation of two of them: by anything. The text says that they are forced to extract
different features, not how different, and nobody has said how alike maps are that all see the same.
So the order alone is tested, by a t test over seeds, paired: with the same seed nothing differs but
what C3 sees."""

INK = 0.99
"""The share of a digit's ink that has to be left in the picture for a change to count as read or
misread: what has been moved beyond the edge nobody can read."""
