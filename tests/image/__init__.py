"""The image, built by deploy/try-image.sh, with a process of each kind in it."""
