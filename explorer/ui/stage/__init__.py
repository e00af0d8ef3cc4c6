"""The stage, by view: bundle.py puts it together, payload.py feeds it, and types.d.ts says with what."""
