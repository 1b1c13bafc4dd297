"""``digits``: a small network on scikit-learn's handwritten digits, int8 with int32 bias.

::

    image (8, 8, 1)
      conv1  3x3, 16 channels, relu ─────────────┐
      dw2    depthwise 3x3, relu                 │
      pw3    1x1, 16 channels                    │
      add3   conv1 + pw3, relu ◄─────────────────┘
      conv4  3x3, stride 2, 24 channels, relu
      pool5  average over 4x4
      fc6    10 logits

4,322 parameters; of the 497 test images the float network knows 99.8 %, the int8 network 99.2 % to
99.6 %, as the machine requantizes. The files beside, and what makes them:

============= =========================================================== ======================
file          holds                                                       made by
============= =========================================================== ======================
float.npz     trained parameters (float32), range of every tensor         ``train.py`` (seeded)
test.npz      the 497 images held apart from training, with labels        ``train.py``
model.npz     the quantized network, with its float parameters            ``quantize.py``
============= =========================================================== ======================

``python -m hwsim.models.digits.quantize`` makes ``model.npz`` again, bit for bit, from
``float.npz``.
"""
