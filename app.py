"""Start the explorer: python app.py [--host ADDRESS] [--port N] [--share] [--open] [--checkpoints FOLDER]."""

from explorer.ui.main import main

if __name__ == "__main__":
    main()
