"""The stepping component: payload.py feeds it; stage.html, stage.css and the ES modules draw it."""
