"""Look inside fully convolutional networks (Long et al. 2015) and U-Net (Ronneberger et al. 2015)."""

__version__ = "0.1.0"
