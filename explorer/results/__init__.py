"""What is handed out of a finished segmentation: masks, overlays, tables, polygons, scores, figures against a truth."""
