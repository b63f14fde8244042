"""What can the installed scikit-learn do, which need not be the newest?"""

import sklearn

# method="temperature" of CalibratedClassifierCV
HAS_TEMPERATURE = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 8)

# sklearn.callback
HAS_CALLBACKS = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 9)
