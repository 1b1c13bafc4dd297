"""``seed_conv``: one convolution whose every integer is known, 3 to 4 channels, 3x3, padding 1.

It is the worked example of an AIMET convolution: input uint8 (zero point 0), weights int8
(``absmax / 128``), int32 bias at ``input_scale * weight_scale``, output uint8 (zero point 141).
Its accumulators need 18 bits; with 17, order and overflow rule change the codes.

``model.npz`` and ``test.npz`` are made by ``make.py`` from the golden ``seed000_conv.npz``, whose
arrays are torch 2.13's; they are checked against it where it is present.
"""
