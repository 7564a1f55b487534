"""The way to a model: build a base, train it on labelled records, calibrate and export it."""
