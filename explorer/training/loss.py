"""The loss: cross-entropy per pixel with class weights and, for instances, the border weight map and soft Dice."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.metrics import IGNORE
from explorer.training.data import Sample
from explorer.training.recipe import Recipe


def class_weights(recipe: Recipe, samples: list[Sample]) -> Tensor:
    """w_c of equation 2 in Ronneberger et al. 2015: as given, or frequency ** -class_balance, mean 1 over pixels."""
    classes = recipe.spec.classes
    if recipe.class_weights:
        if len(recipe.class_weights) != classes:
            raise ValueError(f"the recipe gives {len(recipe.class_weights)} class weights for {classes} classes")
        return torch.tensor(recipe.class_weights)
    counts = np.sum([np.bincount(s.target.ravel(), minlength=256)[:classes] for s in samples], axis=0) + 1
    frequency = counts / counts.sum()
    weights = frequency**-recipe.class_balance
    return torch.tensor(weights / (frequency * weights).sum(), dtype=torch.float32)


def unbalance(net: nn.Module, weights: Tensor) -> None:
    """Take class weights w_c of the loss back out of the prediction, in place.

    Weighted cross-entropy learns probabilities in proportion to w_c p_c; less log w_c in the score's bias gives p_c,
    the prediction with the most right pixels. FCN's bias lies in score_fr, which all three outputs contain.
    """
    layer = net.get_submodule("score_fr" if hasattr(net, "score_fr") else "score")
    with torch.no_grad():
        layer.bias -= weights.log().to(layer.bias.device)  # type: ignore[operator, arg-type]


def loss_of(scores: Tensor, target: Tensor, weight: Tensor, classes: Tensor, dice: float) -> Tensor:
    """scores N x C x H x W; target, weight N x H x W. Mean over judged pixels of (w_c + weight) * cross-entropy."""
    scores = scores.float()
    judged = target != IGNORE
    known = target.where(judged, torch.zeros_like(target))
    entropy = F.cross_entropy(scores, known, reduction="none")
    loss = (entropy * (classes[known] + weight) * judged).sum() / judged.sum().clamp(min=1)
    if dice:
        probability, truth = scores.softmax(1)[:, 1] * judged, (known == 1) * judged
        overlap = (probability * truth).sum((1, 2))
        loss = loss + dice * (1 - (2 * overlap + 50) / (probability.sum((1, 2)) + truth.sum((1, 2)) + 50)).mean()
    return loss
