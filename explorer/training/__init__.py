"""Training of the bundled weights: `python -m explorer.training RECIPE --data DIR --out DIR`.

`sets` names classes and terms, `data` reads, checks and splits, `augment` and `border` make training pairs, `norm`
puts batch norm in and folds it away, `nets` runs one set of weights in several geometries and reads its coarser
outputs, `loop` trains, `evaluate` measures.
"""
