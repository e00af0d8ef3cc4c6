"""The stage, by view: bundle.py puts modules, page and styles together, payload.py feeds it; types.d.ts says with what."""
