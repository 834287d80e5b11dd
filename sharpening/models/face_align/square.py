"""The standard crop ("the square"): how its side and centre follow from the two eyes, and where a face lies in it.

Measured with `find_faces` on 597 of the 160×160 training stills (120 a source), 22 November 2026. Eye distance as a part of the
side, and how far the centre of the square lies under the middle of the eyes (in eye distances), as medians:
CelebA 0.214 and -0.01, LFW 0.226 and 0.04, synthetic 0.238 and 0.09, FFHQ 0.248 and 0.08, StyleGAN 0.248 and 0.08.
Sideways every source is centred to 0.03. Weighted with the number of stills of each source the eye distance is 0.228 of the side
(1 / 4.39) and the centre lies 0.035 eye distances under the eyes.
"""

from __future__ import annotations

__all__ = ["CENTRE_BELOW_EYES", "CENTRE_BESIDE_EYES", "SIDE_IN_EYE_DISTANCES", "TYPICAL_LANDMARKS"]

# The side of the square, in distances between the eye centres: that of the stills which the shipped weights were trained on.
SIDE_IN_EYE_DISTANCES = 4.39

# From the middle between the eyes to the centre of the square, in eye distances, along the face's own upright axes.
CENTRE_BESIDE_EYES = 0.0  # towards the subject's left
# Between that of the stills (0.035) and that of the clips (0.28): the nets saw both, and the chin stays in the picture.
CENTRE_BELOW_EYES = 0.15  # towards the chin

# Medians of the five landmarks of the same stills, made symmetric: (towards the subject's left, towards the chin) from the middle
# between the eyes, in eye distances, in dlib's order.
TYPICAL_LANDMARKS = ((0.70, -0.009), (0.30, 0.009), (-0.70, -0.009), (-0.30, 0.009), (0.0, 0.757))
